package live

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"net/netip"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/rusmes/otelmail/exporters/live/internal/life"
)

// messages answers what has happened to mail. docs/live-api.md describes the answers.
type messages struct {
	store  *life.Store
	pace   *pace
	shared *shared
}

func newMessages(store *life.Store) messages { return messages{store, newPace(), newShared()} }

// The bounds of a request for messages.
const (
	mostSearchBody = 8 << 10 // bytes
	searchTime     = 10 * time.Second
)

// failuresAge is how old an answer about failures may be: each page asks again and again.
const failuresAge = 2 * time.Second

// register adds
//
//	POST /api/v1/messages   {"query":"…","limit":20}
//	GET  /api/v1/failures   ?event= &protocol= &stage= &reason= &domain= &fault= &limit=
func (m messages) register(mux *http.ServeMux) {
	mux.HandleFunc("/api/v1/messages", m.search)
	mux.HandleFunc("/api/v1/failures", m.failures)
}

// search answers a search. What was typed is in the body alone: a URL is in logs, in histories
// and on screens.
func (m messages) search(w http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodPost {
		w.Header().Set("Allow", http.MethodPost)
		refuse(w, http.StatusMethodNotAllowed, "want POST with a JSON body: what is searched for does not belong into a URL")
		return
	}
	if kind, _, err := mime.ParseMediaType(r.Header.Get("Content-Type")); err != nil || kind != "application/json" {
		refuse(w, http.StatusUnsupportedMediaType, "Content-Type: want application/json")
		return
	}
	query, err := readQuery(http.MaxBytesReader(w, r.Body, mostSearchBody))
	if err != nil {
		refuse(w, http.StatusBadRequest, err.Error())
		return
	}
	ctx, cancel := context.WithTimeout(r.Context(), searchTime)
	defer cancel()
	var body []byte
	err = m.pace.do(ctx, asker(r), func() error {
		result, err := m.store.Search(ctx, query)
		if err != nil {
			return err
		}
		body, err = json.Marshal(result)
		return err
	})
	if err != nil {
		refused(w, err)
		return
	}
	send(w, http.StatusOK, body)
}

// readQuery reads a search. Its errors do not hold what was typed.
func readQuery(body io.Reader) (q life.Query, err error) {
	var request struct {
		Query string `json:"query"`
		Limit *int   `json:"limit"`
	}
	d := json.NewDecoder(body)
	d.DisallowUnknownFields()
	if d.Decode(&request) != nil || d.Decode(&struct{}{}) != io.EOF {
		return q, fmt.Errorf(`body: want {"query":"…","limit":%d} of at most %d bytes`, life.DefaultLimit, mostSearchBody)
	}
	if strings.TrimSpace(request.Query) == "" || len(request.Query) > life.MaxText {
		return q, fmt.Errorf("query: want a queue id, a message id, an address or a trace id of at most %d bytes", life.MaxText)
	}
	q.Text = request.Query
	if request.Limit != nil {
		q.Limit = *request.Limit
		if q.Limit < 1 || q.Limit > life.MaxLimit {
			return q, fmt.Errorf("limit: %d is not allowed: want a number from 1 to %d", q.Limit, life.MaxLimit)
		}
	}
	return q, nil
}

// failuresAnswer is what is answered about failures.
type failuresAnswer struct {
	Failures []life.Step `json:"failures"`
	// Until is the time down to which was looked for them, where that is not as far as is kept.
	Until *time.Time `json:"until,omitempty"`
	Reach life.Reach `json:"reach"`
}

func (m messages) failures(w http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		w.Header().Set("Allow", "GET, HEAD")
		refuse(w, http.StatusMethodNotAllowed, "want GET")
		return
	}
	filter, err := readFilter(r.URL.RawQuery)
	if err != nil {
		refuse(w, http.StatusBadRequest, err.Error())
		return
	}
	key := fmt.Sprintf("%+v at %d", filter, time.Now().UnixNano()/int64(failuresAge))
	m.shared.serve(w, r, key, func() (body []byte, err error) {
		// Not that of the request: others may wait for the same.
		ctx, cancel := context.WithTimeout(context.Background(), searchTime)
		defer cancel()
		err = m.pace.do(ctx, asker(r), func() error {
			found, until, err := m.store.Failures(ctx, filter)
			if err != nil {
				return err
			}
			a := failuresAnswer{Failures: found, Reach: m.store.Reach()}
			if !until.IsZero() {
				a.Until = &until
			}
			body, err = json.Marshal(a)
			return err
		})
		return body, err
	})
}

// asker is whom a request comes from: an IPv4 address, or the 64 bits of an IPv6 address that
// one customer has at least.
func asker(r *http.Request) string {
	at, err := netip.ParseAddrPort(r.RemoteAddr)
	if err != nil {
		return r.RemoteAddr
	}
	address := at.Addr().Unmap().WithZone("")
	if network, err := address.Prefix(64); err == nil && address.Is6() {
		return network.String()
	}
	return address.String()
}

// readFilter reads the parameters of a URL. Its errors hold no value of theirs: somebody may
// have typed an address.
func readFilter(query string) (f life.Filter, err error) {
	values, err := url.ParseQuery(query)
	if err != nil {
		return f, errors.New("the parameters cannot be read: want them percent-encoded")
	}
	texts := map[string]*string{"event": &f.Event, "protocol": &f.Protocol, "stage": &f.Stage,
		"reason": &f.Reason, "domain": &f.Domain, "fault": &f.Fault}
	for name, all := range values {
		value := strings.TrimSpace(all[0])
		switch field := texts[name]; {
		case len(all) > 1:
			return f, errors.New("a parameter is there twice: want each once")
		case field != nil:
			*field = value
		case name != "limit":
			return f, errors.New("a parameter is not known: want event, protocol, stage, reason, domain, fault or limit")
		default:
			if f.Limit, err = strconv.Atoi(value); err != nil || f.Limit < 1 || f.Limit > life.MaxFailures {
				return f, fmt.Errorf("limit: want a number from 1 to %d", life.MaxFailures)
			}
		}
	}
	return f, f.Check()
}

// answer writes v as JSON, which nobody is to keep.
func answer(w http.ResponseWriter, status int, v any) {
	body, err := json.Marshal(v)
	if err != nil {
		panic(err) // it has texts and numbers that JSON has
	}
	send(w, status, body)
}

func send(w http.ResponseWriter, status int, body []byte) {
	h := w.Header()
	h.Set("Content-Type", jsonType)
	h.Set("Cache-Control", "no-store")
	h.Set("X-Content-Type-Options", "nosniff")
	w.WriteHeader(status)
	_, _ = w.Write(append(body, '\n')) // a client that has left needs no answer
}

// refuse answers {"error":"…"}.
func refuse(w http.ResponseWriter, status int, why string) {
	answer(w, status, struct {
		Error string `json:"error"`
	}{why})
}
