package otelimap_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"log"
	"maps"
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

	"github.com/rusmes/otelmail"
	"github.com/rusmes/otelmail/instrumentation/otelimap"
	"github.com/rusmes/otelmail/otelmailtest"
)

// patience is how long a test waits for what must come.
const patience = time.Minute

// setup is what a world is made of; its zero value is a server in plaintext with the
// sessions of imapmemserver.
type setup struct {
	tls     bool // implicit
	foreign bool // and of a listener that is not crypto/tls's
	caps    imap.CapSet
	opts    []otelimap.Option
	tel     []otelmail.StartOption
	session newSession
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
	*otelmailtest.Recorder
	t      testing.TB
	server *otelimap.Server
	addr   string
	tls    bool
	idling atomic.Int64 // how often IDLE has reached a session
}

func newWorld(t testing.TB, s setup) *world {
	t.Helper()
	opts := append([]otelmail.StartOption{otelmail.WithPrivacy(otelmail.PrivacyFull)}, s.tel...)
	w := &world{Recorder: otelmailtest.New(t, opts...), t: t, tls: s.tls}
	w.start(w.Tel, s)
	return w
}

// start starts the server.
func (w *world) start(tel *otelmail.Telemetry, s setup) {
	w.t.Helper()
	if s.session == nil {
		store := newStore(w.t)
		s.session = func(*imapserver.Conn) (imapserver.Session, *imapserver.GreetingData, error) {
			return newMailSession(store, &w.idling), nil, nil
		}
	}
	if s.caps == nil {
		s.caps = imap.CapSet{imap.CapIMAP4rev1: {}, imap.CapLiteralPlus: {}}
	}
	w.server = otelimap.NewServer(tel, &imapserver.Options{
		NewSession: s.session, Caps: s.caps, InsecureAuth: true, TLSConfig: certificate(w.t),
		Logger: log.New(io.Discard, "", 0), DebugWriter: s.debug,
	}, s.opts...)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		w.t.Fatal(err)
	}
	w.addr = l.Addr().String()
	switch {
	case s.listen != nil:
		l = s.listen(l)
	case s.foreign:
		l = ownListener{tls.NewListener(l, certificate(w.t))}
	case s.tls:
		l = tls.NewListener(l, certificate(w.t))
	}
	served := make(chan error, 1)
	go func() { served <- w.server.Serve(l) }()
	w.t.Cleanup(func() {
		_ = w.server.Close()
		<-served
	})
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

// counts are what has moved.
type counts = otelmailtest.Series

// What the tests count.
const (
	connections = "rusmes_imap_connections_total"
	commands    = "rusmes_imap_commands_total"
	errs        = "rusmes_imap_errors_total"
	active      = `rusmes_active_connections{protocol="imap"}`
	plain       = `rusmes_tls_sessions_total{tls="no"}`
	overTLS     = `rusmes_tls_sessions_total{tls="yes"}`
	starttls    = `rusmes_tls_sessions_total{tls="starttls"}`
)

// details are counted beside what the tests look at, and are tested in the root.
var details = counts{"rusmes_replies_total": otelmailtest.Any, "rusmes_auth_attempts_total": otelmailtest.Any,
	"rusmes_tls_handshakes_total": otelmailtest.Any, "rusmes_tls_handshake_failures_total": otelmailtest.Any,
	"rusmes_connections_lost_total": otelmailtest.Any, "rusmes_panics_total": otelmailtest.Any}

// expect waits until everything is as wanted, and nothing else has moved.
func (w *world) expect(want counts) {
	w.t.Helper()
	all := maps.Clone(details)
	maps.Copy(all, want)
	w.Moved(all)
}

func within(holds func() bool) bool {
	for end := time.Now().Add(patience); time.Now().Before(end); time.Sleep(2 * time.Millisecond) {
		if holds() {
			return true
		}
	}
	return holds()
}

// expectSpans waits for exactly these spans, each with the result and the error.type.
func (w *world) expectSpans(want ...string) {
	w.t.Helper()
	tree := ""
	attributes := make([]otelmailtest.Attributes, len(want))
	for i, span := range want {
		words := strings.Fields(span)
		attributes[i] = otelmailtest.Attributes{"imap.response.status": words[2], "error.type": nil}
		kind := "server"
		if len(words) > 3 {
			attributes[i]["error.type"] = words[3]
			kind += ", error " + words[3]
		}
		tree += fmt.Sprintf("%s %s [%s]\n", words[0], words[1], kind)
	}
	w.Tree(tree)
	for i, span := range w.Spans("") {
		if i < len(want) {
			span.Has(attributes[i])
		}
	}
}

// ended waits until n sessions have ended and all that they did has been counted.
func (w *world) ended(n float64, want counts) {
	w.t.Helper()
	all := counts{connections: n, w.kind(): n}
	maps.Copy(all, want)
	w.expect(all)
}
