package otelimap_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"log"
	"math/big"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/emersion/go-imap/v2"
	"github.com/emersion/go-imap/v2/imapserver"
	"github.com/emersion/go-imap/v2/imapserver/imapmemserver"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"

	"github.com/rusmes/otelmail"
	"github.com/rusmes/otelmail/instrumentation/otelimap"
)

// patience is how long a test waits for what must come.
const patience = 20 * time.Second

// setup is what a world is made of; its zero value is a server in plaintext with the
// sessions of imapmemserver.
type setup struct {
	tls     bool // implicit
	foreign bool // and of a listener that is not crypto/tls's
	caps    imap.CapSet
	opts    []otelimap.Option
	tel     []otelmail.NewOption
	session newSession
	silent  bool // without a Telemetry
	debug   io.Writer
	listen  func(net.Listener) net.Listener
}

type newSession = func(*imapserver.Conn) (imapserver.Session, *imapserver.GreetingData, error)

// everyWay is the ways to run a server.
var everyWay = map[string]setup{
	"plaintext":               {},
	"TLS":                     {tls: true},
	"TLS of a listener's own": {tls: true, foreign: true},
}

// sees runs a test in every way.
func sees(t *testing.T, run func(t *testing.T, s setup)) {
	for way, s := range everyWay {
		t.Run(way, func(t *testing.T) { run(t, s) })
	}
}

type world struct {
	t      testing.TB
	tel    *otelmail.Telemetry
	spans  *tracetest.SpanRecorder
	server *otelimap.Server
	addr   string
	tls    bool
	idling atomic.Int64 // how often IDLE has reached a session
}

func newWorld(t testing.TB, s setup) *world {
	t.Helper()
	w := &world{t: t, spans: tracetest.NewSpanRecorder(), tls: s.tls}
	tel, err := otelmail.New(append([]otelmail.NewOption{
		otelmail.WithTracerProvider(sdktrace.NewTracerProvider(sdktrace.WithSpanProcessor(w.spans))),
		otelmail.WithPrivacy(otelmail.PrivacyFull),
	}, s.tel...)...)
	if err != nil {
		t.Fatal(err)
	}
	w.tel = tel
	t.Cleanup(func() { _ = tel.Shutdown(context.Background()) })

	if s.session == nil {
		store := newStore(t)
		s.session = func(*imapserver.Conn) (imapserver.Session, *imapserver.GreetingData, error) {
			return newMailSession(store, &w.idling), nil, nil
		}
	}
	if s.caps == nil {
		s.caps = imap.CapSet{imap.CapIMAP4rev1: {}, imap.CapLiteralPlus: {}}
	}
	given := tel
	if s.silent {
		given = nil
	}
	w.server = otelimap.NewServer(given, &imapserver.Options{
		NewSession: s.session, Caps: s.caps, InsecureAuth: true, TLSConfig: certificate(t),
		Logger: log.New(io.Discard, "", 0), DebugWriter: s.debug,
	}, s.opts...)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	w.addr = l.Addr().String()
	switch {
	case s.listen != nil:
		l = s.listen(l)
	case s.foreign:
		l = ownListener{tls.NewListener(l, certificate(t))}
	case s.tls:
		l = tls.NewListener(l, certificate(t))
	}
	served := make(chan error, 1)
	go func() { served <- w.server.Serve(l) }()
	t.Cleanup(func() {
		_ = w.server.Close()
		<-served
	})
	return w
}

// ownListener is no type of crypto/tls.
type ownListener struct{ net.Listener }

// newStore is a mail store with one user and an INBOX.
func newStore(t testing.TB) *imapmemserver.Server {
	store := imapmemserver.New()
	user := imapmemserver.NewUser("bob@example.org", "secret")
	if err := user.Create("INBOX", nil); err != nil {
		t.Fatal(err)
	}
	store.AddUser(user)
	return store
}

// mailSession is imapmemserver's session, with UNAUTHENTICATE beside it.
type mailSession struct {
	imapserver.SessionIMAP4rev2
	store  *imapmemserver.Server
	idling *atomic.Int64
}

func newMailSession(store *imapmemserver.Server, idling *atomic.Int64) *mailSession {
	return &mailSession{asRev2(store.NewSession()), store, idling}
}

// asRev2 is imapmemserver's session with NAMESPACE and MOVE, which it has.
func asRev2(s imapserver.Session) imapserver.SessionIMAP4rev2 { return s.(imapserver.SessionIMAP4rev2) }

func (s *mailSession) Idle(w *imapserver.UpdateWriter, stop <-chan struct{}) error {
	s.idling.Add(1)
	return s.SessionIMAP4rev2.Idle(w, stop)
}

func (s *mailSession) Unauthenticate() error {
	s.SessionIMAP4rev2 = asRev2(s.store.NewSession())
	return nil
}

var certificate = func() func(testing.TB) *tls.Config {
	var once sync.Once
	var config *tls.Config
	return func(t testing.TB) *tls.Config {
		once.Do(func() {
			key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
			if err != nil {
				t.Fatal(err)
			}
			about := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour)}
			der, err := x509.CreateCertificate(rand.Reader, about, about, key.Public(), key)
			if err != nil {
				t.Fatal(err)
			}
			config = &tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key}}}
		})
		return config
	}
}()

// counts are the counters and gauges of IMAP, by name, with the label after a
// slash; all that is not mentioned is 0.
type counts map[string]int64

func (w *world) counts() counts {
	w.t.Helper()
	all := counts{}
	for key, short := range map[string]string{
		"imap_connections_total": "connections", "imap_commands_total": "commands", "imap_errors_total": "errors",
		"active_connections/imap": "active", "tls_sessions_total/yes": "tls",
		"tls_sessions_total/no": "plain", "tls_sessions_total/starttls": "starttls",
	} {
		name, label, labelled := strings.Cut(key, "/")
		var labels []string
		if labelled {
			labels = []string{label}
		}
		v, err := w.tel.Value(name, labels...)
		if err != nil {
			w.t.Fatal(err)
		}
		if v != 0 {
			all[short] = v
		}
	}
	return all
}

// expect waits until everything is as wanted.
func (w *world) expect(want counts) {
	w.t.Helper()
	wanted := fmt.Sprint(want)
	if !within(func() bool { return fmt.Sprint(w.counts()) == wanted }) {
		w.t.Errorf("counted %v\nwant    %v\nspans %q", w.counts(), wanted, w.names())
	}
}

func within(holds func() bool) bool {
	for end := time.Now().Add(patience); time.Now().Before(end); time.Sleep(2 * time.Millisecond) {
		if holds() {
			return true
		}
	}
	return holds()
}

// names are the spans that have ended, each with the result and the error.type.
func (w *world) names() []string {
	var all []string
	for _, span := range w.spans.Ended() {
		name := span.Name() + " " + attr(span, "imap.response.status")
		if e := attr(span, "error.type"); e != "" {
			name += " " + e
		}
		all = append(all, name)
	}
	return all
}

// expectSpans waits for exactly these spans, as names gives them.
func (w *world) expectSpans(want ...string) {
	w.t.Helper()
	if !within(func() bool { return fmt.Sprint(w.names()) == fmt.Sprint(want) }) {
		w.t.Errorf("spans\n%s\nwant\n%s", strings.Join(w.names(), "\n"), strings.Join(want, "\n"))
	}
	if begun := len(w.spans.Started()); begun != len(want) {
		w.t.Errorf("%d spans have begun, %d ended", begun, len(want))
	}
}

// first waits for the first n spans to end: the last may end just after the client has
// read its reply.
func (w *world) first(n int) []sdktrace.ReadOnlySpan {
	w.t.Helper()
	if !within(func() bool { return len(w.spans.Ended()) >= n }) {
		w.t.Fatalf("%d spans, want %d: %q", len(w.spans.Ended()), n, w.names())
	}
	return w.spans.Ended()
}

// attr is an attribute of a span as text, "" for none.
func attr(span sdktrace.ReadOnlySpan, key string) string {
	for _, kv := range span.Attributes() {
		if string(kv.Key) == key {
			return kv.Value.String()
		}
	}
	return ""
}

// ended waits until n sessions have ended and all that they did has been
// counted.
func (w *world) ended(n int64, want counts) {
	w.t.Helper()
	want["connections"] = n
	want[w.kind()] = n
	w.expect(want)
}
