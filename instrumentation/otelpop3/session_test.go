package otelpop3_test

import (
	"bufio"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"go.opentelemetry.io/otel/codes"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"

	"github.com/rusmes/otelmail"
	"github.com/rusmes/otelmail/instrumentation/otelpop3"
)

// patience is how long a test waits for what must happen.
const patience = 10 * time.Second

// world is a small POP3 server, and everything it has recorded.
type world struct {
	t     *testing.T
	tel   *otelmail.Telemetry
	spans *tracetest.SpanRecorder
	addr  string
	tls   *tls.Config
}

func start(t *testing.T, implicit bool) *world {
	t.Helper()
	w := &world{t: t, spans: tracetest.NewSpanRecorder()}
	tel, err := otelmail.New(
		otelmail.WithMeterProvider(sdkmetric.NewMeterProvider(sdkmetric.WithReader(sdkmetric.NewManualReader()))),
		otelmail.WithTracerProvider(sdktrace.NewTracerProvider(sdktrace.WithSpanProcessor(w.spans))),
		otelmail.WithPrivacy(otelmail.PrivacyFull))
	if err != nil {
		t.Fatal(err)
	}
	w.tel = tel
	certificates := httptest.NewUnstartedServer(nil) // it has a certificate to lend
	certificates.StartTLS()
	t.Cleanup(certificates.Close)
	w.tls = certificates.TLS.Clone()
	w.tls.NextProtos = nil

	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	w.addr = l.Addr().String()
	if implicit {
		l = tls.NewListener(l, w.tls)
	}
	t.Cleanup(func() { l.Close() })
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			go w.serve(conn)
		}
	}()
	return w
}

// serve is what a POP3 server does.
func (w *world) serve(conn net.Conn) {
	session := otelpop3.Begin(context.Background(), w.tel, conn)
	defer func() { conn.Close() }()
	if secure, ok := conn.(*tls.Conn); ok {
		if err := secure.Handshake(); err != nil {
			session.End(otelmail.CauseTLSHandshake)
			return
		}
		session.Handshake(secure.ConnectionState())
	}
	fmt.Fprint(conn, "+OK ready\r\n")
	lines := otelpop3.NewReader(conn)
	for {
		line, err := lines.ReadLine()
		if errors.Is(err, otelpop3.ErrTooLong) {
			fmt.Fprint(conn, "-ERR line too long\r\n")
			continue
		}
		if err != nil {
			session.End(otelmail.CauseOf(err))
			return
		}
		command := session.Command(line)
		verb, argument, _ := strings.Cut(string(line), " ")
		ok := true
		switch strings.ToUpper(verb) {
		case "PASS":
			ok = argument == "secret"
		case "APOP":
			ok = strings.HasSuffix(argument, " digest")
		case "AUTH":
			fmt.Fprint(conn, "+ \r\n")
			answer, err := lines.ReadResponse()
			if err != nil {
				command.End(false, otelmail.CauseOf(err))
				session.End(otelmail.CauseOf(err))
				return
			}
			command.User("carol@example.org")
			ok = string(answer) == "secret"
		case "XYZZY":
			ok = false
		case "RETR":
			command.End(false, otelmail.CauseStorage)
			fmt.Fprint(conn, "-ERR [SYS/TEMP] no\r\n")
			continue
		}
		command.End(ok, otelmail.CauseNone)
		if !ok {
			fmt.Fprint(conn, "-ERR no\r\n")
			continue
		}
		fmt.Fprint(conn, "+OK\r\n")
		switch strings.ToUpper(verb) {
		case "QUIT":
			session.End(otelmail.CauseNone)
			return
		case "STLS":
			secure := tls.Server(conn, w.tls)
			if err := secure.Handshake(); err != nil {
				session.End(otelmail.CauseTLSHandshake)
				return
			}
			session.Upgrade(secure.ConnectionState())
			conn, lines = secure, otelpop3.NewReader(secure)
		}
	}
}

// say sends lines and waits for a reply to each.
func say(t *testing.T, conn net.Conn, in *bufio.Reader, all ...string) {
	t.Helper()
	for _, line := range all {
		_ = conn.SetDeadline(time.Now().Add(patience))
		fmt.Fprint(conn, line+"\r\n")
		if _, err := in.ReadString('\n'); err != nil {
			t.Fatalf("%.20s: %v", line, err)
		}
	}
}

func (w *world) dial(implicit bool) (net.Conn, *bufio.Reader) {
	w.t.Helper()
	var conn net.Conn
	conn, err := net.Dial("tcp", w.addr)
	if err != nil {
		w.t.Fatal(err)
	}
	if implicit {
		conn = tls.Client(conn, &tls.Config{InsecureSkipVerify: true})
	}
	w.t.Cleanup(func() { conn.Close() })
	in := bufio.NewReader(conn)
	if _, err := in.ReadString('\n'); err != nil {
		w.t.Fatal(err)
	}
	return conn, in
}

func (w *world) value(name string, labels ...string) int64 {
	w.t.Helper()
	v, err := w.tel.Value(name, labels...)
	if err != nil {
		w.t.Fatal(err)
	}
	return v
}

// ended waits until all sessions are over and returns their spans as
// "name user error.type".
func (w *world) ended(sessions int) (all []string) {
	w.t.Helper()
	deadline := time.Now().Add(patience)
	over := func() (n int) {
		for _, s := range w.spans.Ended() {
			if s.Name() == "POP3 session" {
				n++
			}
		}
		return n
	}
	for over() < sessions || w.value("active_connections", "pop3") != 0 {
		if time.Now().After(deadline) {
			w.t.Fatal("waited in vain")
		}
		time.Sleep(time.Millisecond)
	}
	for _, s := range w.spans.Ended() {
		user, failure := "", ""
		for _, kv := range s.Attributes() {
			switch kv.Key {
			case "user.id":
				user = kv.Value.AsString()
			case "error.type":
				failure = kv.Value.AsString()
			}
			if v := kv.Value.String(); strings.Contains(v, "secret") || strings.Contains(v, "digest") {
				w.t.Errorf("%s: %s shows %q", s.Name(), kv.Key, v)
			}
		}
		if (failure != "") != (s.Status().Code == codes.Error) {
			w.t.Errorf("%s: status %v", s.Name(), s.Status())
		}
		all = append(all, strings.TrimRight(s.Name()+" "+user+" "+failure, " "))
	}
	return all
}

func TestSessions(t *testing.T) {
	long := "TOP " + strings.Repeat("1", 300)
	for _, tt := range []struct {
		name  string
		lines []string
		want  []string
	}{
		{"USER and PASS", []string{"USER bob@example.org", "PASS secret", "STAT", "quit"},
			[]string{"POP3 USER bob@example.org", "POP3 PASS bob@example.org", "POP3 STAT bob@example.org", "POP3 QUIT bob@example.org", "POP3 session"}},
		{"a login that fails", []string{"USER bob@example.org", "PASS wrong secret", "PASS secret or not", "NOOP", "QUIT"},
			[]string{"POP3 USER bob@example.org", "POP3 PASS bob@example.org err", "POP3 PASS  err", "POP3 NOOP", "POP3 QUIT", "POP3 session"}},
		{"APOP", []string{"APOP bob digest", "RETR 1", "QUIT"},
			[]string{"POP3 APOP bob", "POP3 RETR bob storage", "POP3 QUIT bob", "POP3 session"}},
		{"APOP that fails", []string{"APOP bob x", "QUIT"}, []string{"POP3 APOP bob err", "POP3 QUIT", "POP3 session"}},
		{"unknown and too long", []string{"XYZZY secret", long, "CAPA", "QUIT"},
			[]string{"POP3 _OTHER  err", "POP3 CAPA", "POP3 QUIT", "POP3 session"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := start(t, false)
			conn, in := w.dial(false)
			say(t, conn, in, tt.lines...)
			if got := w.ended(1); !slices.Equal(got, tt.want) {
				t.Errorf("got %q, want %q", got, tt.want)
			}
			if n := w.value("tls_sessions_total", "no"); n != 1 {
				t.Errorf("%d plaintext sessions", n)
			}
		})
	}
}

func TestAuth(t *testing.T) {
	w := start(t, false)
	conn, in := w.dial(false)
	say(t, conn, in, "AUTH PLAIN", "wrong", "AUTH PLAIN", "secret", "LIST", "QUIT")
	want := []string{"POP3 AUTH carol@example.org err", "POP3 AUTH carol@example.org", "POP3 LIST carol@example.org", "POP3 QUIT carol@example.org", "POP3 session"}
	if got := w.ended(1); !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

// STLS upgrades the session once, and forgets who the client said it was.
func TestSTLS(t *testing.T) {
	w := start(t, false)
	conn, in := w.dial(false)
	say(t, conn, in, "USER mallory", "STLS")
	secure := tls.Client(conn, &tls.Config{InsecureSkipVerify: true})
	say(t, secure, bufio.NewReader(secure), "PASS secret", "QUIT")
	want := []string{"POP3 USER mallory", "POP3 STLS", "POP3 PASS", "POP3 QUIT", "POP3 session"}
	if got := w.ended(1); !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
	if no, upgraded, yes := w.value("tls_sessions_total", "no"), w.value("tls_sessions_total", "starttls"), w.value("tls_sessions_total", "yes"); no != 1 || upgraded != 1 || yes != 0 {
		t.Errorf("no %d, starttls %d, yes %d", no, upgraded, yes)
	}
}

func TestImplicitTLS(t *testing.T) {
	w := start(t, true)
	conn, in := w.dial(true)
	say(t, conn, in, "QUIT")
	plain, err := net.Dial("tcp", w.addr)
	if err != nil {
		t.Fatal(err)
	}
	defer plain.Close()
	_, _ = io.WriteString(plain, "QUIT\r\n") // no handshake
	want := []string{"POP3 QUIT", "POP3 session", "POP3 session  tls_handshake"}
	got := w.ended(2)
	if slices.Sort(got); !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
	if n := w.value("tls_sessions_total", "yes"); n != 2 {
		t.Errorf("%d sessions with TLS", n)
	}
	for _, s := range w.spans.Ended() {
		version := ""
		for _, kv := range s.Attributes() {
			if kv.Key == "tls.protocol.version" {
				version = kv.Value.AsString()
			}
		}
		if s.Name() == "POP3 session" && s.Status().Code != codes.Error && version != "1.3" {
			t.Errorf("TLS %q", version)
		}
	}
}

// Connections count while they are open, and one that breaks off ends.
func TestConnectionsThatBreakOff(t *testing.T) {
	w := start(t, false)
	var conns []net.Conn
	for range 10 {
		conn, in := w.dial(false)
		say(t, conn, in, "NOOP")
		conns = append(conns, conn)
	}
	if n := w.value("active_connections", "pop3"); n != 10 {
		t.Errorf("%d open", n)
	}
	for _, conn := range conns {
		fmt.Fprint(conn, "NOO")
		conn.Close()
	}
	broken := 0
	for _, s := range w.ended(10) {
		if s == "POP3 session  eof" {
			broken++
		}
	}
	if broken != 10 {
		t.Errorf("%d broke off", broken)
	}
}

func TestZeroValues(t *testing.T) {
	s := otelpop3.Begin(t.Context(), nil, nil)
	c := s.Command(nil)
	c.User("bob")
	c.End(false, otelmail.CauseNone)
	s.End(otelmail.CauseNone)
	var zero otelpop3.Command
	zero.User("bob")
	zero.End(true, otelmail.CauseNone)
}
