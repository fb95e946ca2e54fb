package demo

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"strconv"
	"sync"
	"time"

	"github.com/emersion/go-imap/v2"

	"github.com/rusmes/otelmail"
	"github.com/rusmes/otelmail/instrumentation/oteljmap"
	"github.com/rusmes/otelmail/observe"
)

// The capabilities (RFC 8620 section 2, RFC 8621 section 1.3.1).
const (
	jmapCore = "urn:ietf:params:jmap:core"
	jmapMail = "urn:ietf:params:jmap:mail"
)

// The limits that the session object names.
const (
	jmapRequestSize = 1 << 20 // bytes
	jmapRequests    = 8       // at once
	jmapCalls       = 32      // in a request
	jmapObjects     = 100     // in a /get
)

// jmapServer shows the mailboxes over JMAP, read-only.
type jmapServer struct {
	store    *mailStore
	log      *slog.Logger
	http     *http.Server
	listener net.Listener
	loop     sync.WaitGroup
	busy     chan struct{} // holds one for each API request under way
}

// newJMAPServer makes the server: each handler is wrapped, and the connections
// are counted by the ConnState hook.
func newJMAPServer(tel *otelmail.Telemetry, store *mailStore, log *slog.Logger) *jmapServer {
	s := &jmapServer{store: store, log: log, busy: make(chan struct{}, jmapRequests)}
	mux := http.NewServeMux()
	mux.Handle("POST /jmap/api", oteljmap.Wrap(tel, s.authenticated(s.api)))
	for pattern, handler := range map[string]http.HandlerFunc{
		"GET /.well-known/jmap":                        s.session,
		"GET /jmap/download/{account}/{blob}/{name}":   s.download,
		"POST /jmap/upload/{account}":                  s.notOffered,
		"GET /jmap/events/{types}/{closeafter}/{ping}": s.notOffered,
	} {
		mux.Handle(pattern, oteljmap.Wrap(tel, s.authenticated(handler), oteljmap.SpanOnly()))
	}
	s.http = &http.Server{
		Handler:           mux,
		ConnState:         oteljmap.ConnState(tel),
		ReadHeaderTimeout: 10 * time.Second,
		ReadTimeout:       time.Minute,
		WriteTimeout:      time.Minute,
		IdleTimeout:       time.Minute,
		MaxHeaderBytes:    64 << 10,
		ErrorLog:          slog.NewLogLogger(log.Handler(), slog.LevelDebug),
	}
	return s
}

func (s *jmapServer) serve(l net.Listener) {
	s.listener = l
	s.loop.Go(func() {
		if err := s.http.Serve(observe.Limit(l, maxConnections)); !errors.Is(err, http.ErrServerClosed) {
			s.log.Error("the JMAP server has stopped", "error", err)
		}
	})
}

// stop implements [server].
func (s *jmapServer) stop(ctx context.Context) {
	if s.http.Shutdown(ctx) != nil {
		_ = s.http.Close()
	}
	s.loop.Wait()
}

// authenticated lets those in who know the password. There is no TLS: real
// servers offer JMAP over HTTPS alone.
func (s *jmapServer) authenticated(next http.HandlerFunc) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		user, password, ok := r.BasicAuth()
		var err error
		if ok {
			err = s.store.login(user, password)
		}
		if errors.Is(err, errUsersAway) {
			refuse(w, problem{Type: "about:blank", Status: http.StatusServiceUnavailable, Detail: "Nobody can log in now"})
			return
		}
		if !ok || err != nil {
			w.Header().Set("WWW-Authenticate", `Basic realm="JMAP", charset="UTF-8"`)
			refuse(w, problem{Type: "about:blank", Status: http.StatusUnauthorized, Detail: "Log in with the name and password of the demo's user"})
			return
		}
		next(w, r)
	})
}

// accountID is the one account there is.
func (s *jmapServer) accountID() string { return s.store.userName }

// session is the session object (RFC 8620 section 2).
func (s *jmapServer) session(w http.ResponseWriter, r *http.Request) {
	type object map[string]any
	base := "http://" + r.Host
	mail := object{
		"maxMailboxesPerEmail": 1, "maxMailboxDepth": nil, "maxSizeMailboxName": mailboxName,
		"maxSizeAttachmentsPerEmail": 0, "emailQuerySortOptions": []string{"receivedAt"}, "mayCreateTopLevelMailbox": false,
	}
	w.Header().Set("Cache-Control", "no-cache, no-store, must-revalidate")
	s.write(w, http.StatusOK, "application/json", object{
		"capabilities": object{
			jmapCore: object{
				"maxSizeUpload": 0, "maxConcurrentUpload": 0, "maxSizeRequest": jmapRequestSize,
				"maxConcurrentRequests": jmapRequests, "maxCallsInRequest": jmapCalls,
				"maxObjectsInGet": jmapObjects, "maxObjectsInSet": 0, "collationAlgorithms": []string{},
			},
			jmapMail: object{},
		},
		"accounts": object{s.accountID(): object{
			"name": s.store.userName + "@" + localDomain, "isPersonal": true, "isReadOnly": true,
			"accountCapabilities": object{jmapCore: object{}, jmapMail: mail},
		}},
		"primaryAccounts": object{jmapMail: s.accountID()},
		"username":        s.store.userName,
		"apiUrl":          base + "/jmap/api",
		"downloadUrl":     base + "/jmap/download/{accountId}/{blobId}/{name}?type={type}",
		"uploadUrl":       base + "/jmap/upload/{accountId}",
		"eventSourceUrl":  base + "/jmap/events/{types}/{closeafter}/{ping}",
		"state":           sessionState,
	})
}

// sessionState never changes: nothing of the session object does.
const sessionState = "1"

// download serves a message as it was received: its blob.
func (s *jmapServer) download(w http.ResponseWriter, r *http.Request) {
	id, ok := parseEmailID(r.PathValue("blob"))
	if !ok || r.PathValue("account") != s.accountID() {
		refuse(w, problem{Type: "about:blank", Status: http.StatusNotFound, Detail: "There is no such blob"})
		return
	}
	reading := &jmapReading{server: s}
	defer reading.close()
	found, err := reading.fetch(map[uint32]imap.UIDSet{id.mailbox: imap.UIDSetNum(id.uid)}, maxStored)
	switch {
	case err != nil:
		s.log.ErrorContext(r.Context(), "JMAP download", "error", err)
		refuse(w, problem{Type: "about:blank", Status: http.StatusInternalServerError})
	case len(found) == 0:
		refuse(w, problem{Type: "about:blank", Status: http.StatusNotFound, Detail: "There is no such blob"})
	default:
		// Whatever type is asked for: what strangers have sent must not become
		// a page of this server.
		w.Header().Set("Content-Type", "application/octet-stream")
		w.Header().Set("Content-Length", strconv.Itoa(len(found[id].text)))
		w.Header().Set("X-Content-Type-Options", "nosniff")
		_, _ = w.Write(found[id].text) // a client that has gone misses it
	}
}

// maxStored is more than any stored message: what SMTP takes and what it adds.
const maxStored = maxMessage + 64<<10

// notOffered answers at the addresses that the session object must name.
func (s *jmapServer) notOffered(w http.ResponseWriter, _ *http.Request) {
	refuse(w, problem{Type: "about:blank", Status: http.StatusNotImplemented, Detail: "The demo does not offer this"})
}

// problem is an error of a request as a whole (RFC 7807; RFC 8620 section 3.6.1).
type problem struct {
	Type   string `json:"type"`
	Status int    `json:"status"`
	Detail string `json:"detail,omitempty"`
	Limit  string `json:"limit,omitempty"` // the limit that was exceeded
}

// jmapProblem is a problem of one of JMAP's own types.
func jmapProblem(kind, detail string) *problem {
	return &problem{Type: "urn:ietf:params:jmap:error:" + kind, Status: http.StatusBadRequest, Detail: detail}
}

func refuse(w http.ResponseWriter, p problem) {
	body, err := json.Marshal(p)
	if err != nil { // a problem holds nothing that could fail
		body = nil
	}
	w.Header().Set("Content-Type", "application/problem+json")
	w.WriteHeader(p.Status)
	_, _ = w.Write(body)
}

func (s *jmapServer) write(w http.ResponseWriter, status int, contentType string, v any) {
	body, err := json.Marshal(v)
	if err != nil {
		s.log.Error("JMAP response", "error", err)
		refuse(w, problem{Type: "about:blank", Status: http.StatusInternalServerError})
		return
	}
	w.Header().Set("Content-Type", contentType)
	w.WriteHeader(status)
	_, _ = w.Write(body) // a client that has gone misses it
}
