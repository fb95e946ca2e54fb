package live

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"time"

	"go.opentelemetry.io/otel/attribute"
	semconv "go.opentelemetry.io/otel/semconv/v1.43.0"

	"github.com/rusmes/otelmail/export"
)

// The bounds of a list of sessions.
const (
	usualSessions = 100
	mostSessions  = 1000
)

// sessionsAnswer is what GET /api/v1/sessions answers, documented in docs/live.md.
type sessionsAnswer struct {
	Time     time.Time     `json:"time"`
	Sessions []openSession `json:"sessions"`
}

// openSession is a session that is open. What is not known of it is left out.
type openSession struct {
	Protocol string     `json:"protocol"`
	Since    time.Time  `json:"since"`
	TLS      string     `json:"tls,omitempty"` // its version
	Client   string     `json:"client,omitempty"`
	User     string     `json:"user,omitempty"`
	Command  string     `json:"command,omitempty"`
	Asked    *time.Time `json:"command_since,omitempty"`
}

// openSessions answers who is connected, and what he waits for.
type openSessions struct {
	list   func(protocol string, most int) []export.Session
	shared *shared
}

// sessionsAge is how old an answer may be: each page asks again and again.
const sessionsAge = time.Second

func (o openSessions) serve(w http.ResponseWriter, r *http.Request) {
	query := r.URL.Query()
	protocol, most := query.Get("protocol"), usualSessions
	if protocols := []string{"", "smtp", "lmtp", "imap", "jmap", "pop3"}; !slices.Contains(protocols, protocol) {
		refuse(w, http.StatusBadRequest, "protocol: want smtp, lmtp, imap, jmap or pop3")
		return
	}
	if limit := query.Get("limit"); limit != "" {
		n, err := strconv.Atoi(limit)
		if err != nil || n < 1 || n > mostSessions {
			refuse(w, http.StatusBadRequest, fmt.Sprintf("limit: want a number from 1 to %d", mostSessions))
			return
		}
		most = n
	}
	key := fmt.Sprintf("%s %d at %d", protocol, most, time.Now().UnixNano()/int64(sessionsAge))
	o.shared.serve(w, r, key, func() ([]byte, error) {
		a := sessionsAnswer{Time: time.Now().UTC(), Sessions: []openSession{}}
		for _, s := range o.list(protocol, most) {
			a.Sessions = append(a.Sessions, describe(s))
		}
		return json.Marshal(a)
	})
}

func describe(s export.Session) openSession {
	d := openSession{Since: s.Begun.UTC(), Command: s.Command}
	if !s.Asked.IsZero() {
		asked := s.Asked.UTC()
		d.Asked = &asked
	}
	about := attribute.NewSet(s.About...)
	for key, field := range map[attribute.Key]*string{
		semconv.NetworkProtocolNameKey: &d.Protocol,
		semconv.TLSProtocolVersionKey:  &d.TLS,
		semconv.ClientAddressKey:       &d.Client,
		semconv.UserHashKey:            &d.User,
	} {
		if v, ok := about.Value(key); ok {
			*field = v.AsString()
		}
	}
	if v, ok := about.Value(semconv.UserIDKey); ok { // the name, where the policy allows it
		d.User = v.AsString()
	}
	return d
}
