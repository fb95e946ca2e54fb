package otelmailtest

import (
	"cmp"
	"context"
	"crypto/tls"
	"fmt"
	"net"
	"os"
	"testing"
	"time"

	sdktrace "go.opentelemetry.io/otel/sdk/trace"

	"github.com/rusmes/otelmail/internal/sessions"
)

// Dial opens a connection to a listener of a server, in plaintext: [Conformance] speaks TLS
// itself. It should be a TCP connection, so that sessions can end in a reset.
type Dial func() (net.Conn, error)

// DialTCP dials an address, such as "127.0.0.1:2525".
func DialTCP(address string) Dial {
	return func() (net.Conn, error) { return net.DialTimeout("tcp", address, 10*time.Second) }
}

// Server is a mail server for [Conformance]: where it listens, and where what it counts can be
// read. Those two are all that it needs; the other fields have defaults.
type Server struct {
	// Where it listens; nil for what it does not speak. Those whose names end in S begin with
	// TLS. In the others STARTTLS or STLS is tried where the server offers it.
	SMTP, SMTPS, Submission, Submissions, LMTP, IMAP, IMAPS, POP3, POP3S Dial

	// Metrics reads /metrics: [MetricsOf] a handler, [MetricsAt] a URL, or a function of yours
	// that returns the page in Prometheus' text format.
	Metrics func(context.Context) (string, error)
	// Namespace is what the names of series begin with. Default "rusmes".
	Namespace string
	// Spans returns all spans that have ended, in any order, as the Ended of an SDK's tracetest.SpanRecorder
	// does. Each is known by its span id. The spans of sessions and commands are compared, too, where it is set.
	Spans func() []sdktrace.ReadOnlySpan

	// User and Password log in. Default "user" and "secret".
	User, Password string
	// Recipients are addresses that the server takes mail for, and Refused is one that it does
	// not. Default user@example.org and user@example.com, and nobody@example.net. What the
	// server does is right in any case: if all are taken, there is no refusal to compare.
	Recipients []string
	Refused    string

	// TLS is the client's. Default: any certificate is right.
	TLS *tls.Config
	// Patience is how long the server may take to greet, to answer, to close and to count: more
	// for one that delays its greeting or its replies. What is wrong is known after a tenth of
	// it, or after all of it where a session is never counted as ended. Default 10 s.
	Patience time.Duration
	// Pipelining says whether clients send ahead of the server's replies. Default: as an SMTP or
	// LMTP server offers it (RFC 2920), and always in IMAP and POP3.
	Pipelining Pipelining
	// Clients is how many clients there are at the same time, at the most. Less than 2 is for a
	// server that limits its connections. Default 8.
	Clients int
	// Sessions is how many random sessions there are, of each kind and for each listener, and
	// Seed is that of the first of them. Default 100, and 1.
	Sessions int
	Seed     uint64
}

// Pipelining says when clients send ahead of the server's replies.
type Pipelining uint8

// The choices of [Server].Pipelining.
const (
	PipeliningAsOffered Pipelining = iota // where the server offers it
	PipeliningAlways                      // whatever it offers
	PipeliningNever                       // each reply is waited for
)

// onlyVariable has the name of the one session to say, as a report gives it.
const onlyVariable = "OTELMAILTEST_SESSION"

// Conformance holds what a mail server counts against what happened. It drives the server
// through sessions as many clients have and as none should, written down and random, valid and
// hostile, whole and cut off at any byte, one after the other and at the same time, in
// plaintext, after STARTTLS and inside TLS from the start; and compares /metrics after each with
// what the client and the server have said to each other. What is right is read from the bytes
// alone: a server that refuses everything is right, if it counts that it refuses.
//
// Each difference is an error of t with the session and its bytes. A random session is
// shortened as far as it still shows the difference. OTELMAILTEST_SESSION in the environment,
// set to the name in the report, runs that session alone.
//
// Compared are connections and tls_sessions_total, active_connections, commands and replies by
// name, errors, logins, messages received, refused, by domain, their size and recipients where
// the server tells them, refusals by stage, TLS handshakes, and how many durations were
// recorded. All other series of [otelmail.Catalog] must stand still, except those of
// [NotCompared]. The server may have no other clients meanwhile, and no other connections may
// open or close. A server that cannot be tested, because nobody answers, or it refuses clients,
// or its page has none of the series, is a fatal error that says so.
//
// [otelmail.Catalog]: https://pkg.go.dev/github.com/rusmes/otelmail#Catalog
func Conformance(t testing.TB, server Server) {
	t.Helper()
	c := &conformance{t: t, server: &server, happened: sessions.Counts{}, only: os.Getenv(onlyVariable)}
	listeners := server.listeners()
	switch {
	case len(listeners) == 0:
		t.Fatal("otelmailtest: Server has no listener: set SMTP, SMTPS, Submission, Submissions, LMTP, IMAP, IMAPS, POP3 or POP3S")
	case server.Metrics == nil:
		t.Fatal("otelmailtest: Server.Metrics is not set: use MetricsOf, MetricsAt or a function")
	case server.Pipelining > PipeliningNever:
		t.Fatalf("otelmailtest: Server.Pipelining is %d: allowed is PipeliningAsOffered, PipeliningAlways and PipeliningNever", server.Pipelining)
	case server.Sessions < 0 || server.Clients < 0 || server.Patience < 0:
		t.Fatalf("otelmailtest: Server.Sessions is %d, Clients %d and Patience %s: allowed is 0 for the default, and more", server.Sessions, server.Clients, server.Patience)
	}
	if err := c.readable(); err != nil {
		t.Fatalf("otelmailtest: the server cannot be tested: %v", err)
	}
	for _, l := range listeners {
		c.listener(l)
	}
	c.conclude(listeners)
}

// NotCompared are the series that [Conformance] leaves out, by name without the namespace, and
// why: they are about the work behind the protocols, the host and telemetry itself, or about
// what only the server knows.
func NotCompared() map[string]string {
	all := map[string]string{}
	for name, why := range sessions.LeftOut {
		all[name] = why
	}
	return all
}

// listener is one of a server's.
type listener struct {
	name     string
	protocol sessions.Protocol
	implicit bool
	dial     Dial
}

func (s *Server) listeners() (all []listener) {
	for _, l := range []listener{
		{"SMTP", sessions.SMTP, false, s.SMTP},
		{"SMTPS", sessions.SMTP, true, s.SMTPS},
		{"Submission", sessions.SMTP, false, s.Submission},
		{"Submissions", sessions.SMTP, true, s.Submissions},
		{"LMTP", sessions.LMTP, false, s.LMTP},
		{"IMAP", sessions.IMAP, false, s.IMAP},
		{"IMAPS", sessions.IMAP, true, s.IMAPS},
		{"POP3", sessions.POP3, false, s.POP3},
		{"POP3S", sessions.POP3, true, s.POP3S},
	} {
		if l.dial != nil {
			all = append(all, l)
		}
	}
	return all
}

// of is the server as one of a listener, in a mode.
func (s *Server) of(l listener, mode sessions.Mode) *sessions.Server {
	recipients := s.Recipients
	if len(recipients) == 0 {
		recipients = []string{"user@example.org", "user@example.com"}
	}
	secure := s.TLS
	if secure == nil {
		secure = &tls.Config{InsecureSkipVerify: true} //nolint:gosec // the server is the caller's own, in a test
	}
	return &sessions.Server{
		Protocol: l.protocol, Mode: mode, Dial: l.dial, TLS: secure, Counts: s.counts(), Spans: s.Spans != nil,
		User: cmp.Or(s.User, "user"), Password: cmp.Or(s.Password, "secret"),
		Recipients: append(recipients[:len(recipients):len(recipients)], cmp.Or(s.Refused, "nobody@example.net")),
		Patience:   s.Patience,
	}
}

func (s *Server) namespace() string { return cmp.Or(s.Namespace, "rusmes") + "_" }

// withNamespace is a series as /metrics calls it; a span stays what it is.
func (s *Server) withNamespace(series string) string {
	if name, span := spanOf(series); span {
		return fmt.Sprintf("span %q", name)
	}
	return s.namespace() + series
}
