package observe_test

import (
	"bufio"
	"bytes"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http/httptest"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/rusmes/otelmail"
	"github.com/rusmes/otelmail/observe"
)

// pop3Patience is how long a test waits for what must happen.
const pop3Patience = time.Minute

// pop3Server is a small POP3 server that is followed.
type pop3Server struct {
	*pop3World
	addr     string
	tls      *tls.Config
	sessions atomic.Int64 // that are over
	idle     time.Duration
	lazy     bool // the handshake after STLS is left to the first Read
}

func startPOP3(t *testing.T, implicit, lazy bool, idle time.Duration) *pop3Server {
	t.Helper()
	s := &pop3Server{pop3World: newPOP3World(t), lazy: lazy, idle: idle}
	certificates := httptest.NewUnstartedServer(nil) // it has a certificate to lend
	certificates.StartTLS()
	t.Cleanup(certificates.Close)
	s.tls = certificates.TLS.Clone()
	s.tls.NextProtos = nil
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s.addr = l.Addr().String()
	if implicit {
		l = tls.NewListener(l, s.tls)
	}
	t.Cleanup(func() { l.Close() })
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				s.serve(observe.POP3(s.tel, conn))
				s.sessions.Add(1)
			}()
		}
	}()
	return s
}

// serve is what a POP3 server does that knows of nothing.
func (s *pop3Server) serve(conn *observe.POP3Conn) {
	defer func() { conn.Close() }()
	_ = conn.SetReadDeadline(time.Now().Add(s.idle))
	fmt.Fprint(conn, "+OK ready\r\n")
	lines := bufio.NewReader(conn)
	for {
		line, err := lines.ReadString('\n')
		if err != nil {
			return
		}
		switch strings.TrimSpace(line) {
		case "PASS secret", "RSET":
			fmt.Fprint(conn, "-ERR\r\n")
		case "RETR 1":
			fmt.Fprint(conn, "+OK\r\nSubject: secret\r\n\r\n..\r\n.\r\n")
		case "QUIT":
			fmt.Fprint(conn, "+OK\r\n")
			return
		case "DELE 1": // it panics, and somebody recovers
			conn.End(otelmail.CausePanic)
			return
		case "STLS":
			fmt.Fprint(conn, "+OK\r\n")
			secure := tls.Server(conn, s.tls)
			if !s.lazy && secure.Handshake() != nil {
				return
			}
			conn = conn.Upgrade(secure)
			lines = bufio.NewReader(conn)
		default:
			fmt.Fprint(conn, "+OK\r\n")
		}
	}
}

// dial returns a client that has been greeted.
func (s *pop3Server) dial(implicit bool) net.Conn {
	s.t.Helper()
	conn, err := net.Dial("tcp", s.addr)
	if err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(func() { conn.Close() })
	if implicit {
		conn = tls.Client(conn, &tls.Config{InsecureSkipVerify: true})
	}
	s.hear(conn)
	return conn
}

func (s *pop3Server) hear(conn net.Conn) {
	s.t.Helper()
	_ = conn.SetDeadline(time.Now().Add(pop3Patience))
	if _, err := conn.Read(make([]byte, 1000)); err != nil {
		s.t.Fatal(err)
	}
}

// say sends lines and waits for a reply to each.
func (s *pop3Server) say(conn net.Conn, lines ...string) {
	s.t.Helper()
	for _, line := range lines {
		fmt.Fprint(conn, line+"\r\n")
		s.hear(conn)
	}
}

// over waits until so many sessions are over.
func (s *pop3Server) over(sessions int64) {
	s.t.Helper()
	for deadline := time.Now().Add(pop3Patience); s.sessions.Load() < sessions; time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			s.t.Fatal("waited in vain")
		}
	}
}

// want compares the spans when all sessions are over.
func (s *pop3Server) want(spans ...string) {
	s.t.Helper()
	sessions := int64(0)
	for _, span := range spans {
		if strings.HasPrefix(span, "session") {
			sessions++
		}
	}
	s.over(sessions)
	if got := s.ended(); !slices.Equal(got, spans) {
		s.t.Errorf("got %q, want %q", got, spans)
	}
	for _, series := range []string{"active_connections", "telemetry_unfollowed_sessions_total"} {
		if n := s.value(series, "pop3"); n != 0 {
			s.t.Errorf("%s is %d", series, n)
		}
	}
}

func (s *pop3Server) wantTLS(no, starttls, yes int64) {
	s.t.Helper()
	got := []int64{s.value("tls_sessions_total", "no"), s.value("tls_sessions_total", "starttls"), s.value("tls_sessions_total", "yes")}
	if want := []int64{no, starttls, yes}; !slices.Equal(got, want) {
		s.t.Errorf("no, starttls, yes: %d, want %d", got, want)
	}
}

func TestPOP3Conn(t *testing.T) {
	s := startPOP3(t, false, false, pop3Patience)
	s.say(s.dial(false), "USER bob", "PASS secret", "RETR 1", "QUIT")
	s.want("USER bob", "PASS bob err", "RETR", "QUIT", "session")
	s.wantTLS(1, 0, 0)
}

// The session is followed into TLS, whoever does the handshake, and whenever.
func TestPOP3ConnSTLS(t *testing.T) {
	for _, lazy := range []bool{false, true} {
		s := startPOP3(t, false, lazy, pop3Patience)
		conn := s.dial(false)
		s.say(conn, "USER mallory", "STLS")
		s.say(tls.Client(conn, &tls.Config{InsecureSkipVerify: true}), "PASS secret", "RETR 1", "QUIT")
		s.want("USER mallory", "STLS", "PASS  err", "RETR", "QUIT", "session")
		s.wantTLS(1, 1, 0)
	}
}

func TestPOP3ConnSTLSThatFails(t *testing.T) {
	for _, lazy := range []bool{false, true} {
		for name, fail := range map[string]func(net.Conn){
			"the client leaves":       func(conn net.Conn) { conn.Close() },
			"plaintext":               func(conn net.Conn) { fmt.Fprint(conn, "PASS secret\r\n") },
			"a certificate unwelcome": func(conn net.Conn) { _ = tls.Client(conn, &tls.Config{ServerName: "x"}).Handshake() },
		} {
			t.Run(name, func(t *testing.T) {
				s := startPOP3(t, false, lazy, pop3Patience)
				conn := s.dial(false)
				s.say(conn, "STLS")
				fail(conn)
				s.want("STLS", "session  tls_handshake")
				s.wantTLS(1, 0, 0)
			})
		}
	}
}

func TestPOP3ConnImplicitTLS(t *testing.T) {
	s := startPOP3(t, true, false, pop3Patience)
	s.say(s.dial(true), "USER bob", "RETR 1", "QUIT")
	s.want("USER bob", "RETR", "QUIT", "session")
	s.wantTLS(0, 0, 1)
	for _, span := range s.spans.Ended() {
		version := ""
		for _, kv := range span.Attributes() {
			if kv.Key == "tls.protocol.version" {
				version = kv.Value.AsString()
			}
		}
		if span.Name() == "POP3 session" && version != "1.3" {
			t.Errorf("TLS %q", version)
		}
	}
}

// A handshake that fails breaks the session; a client that only looked does not.
func TestPOP3ConnImplicitTLSThatFails(t *testing.T) {
	s := startPOP3(t, true, false, pop3Patience)
	for i, text := range []string{"QUIT\r\n", ""} {
		conn, err := net.Dial("tcp", s.addr)
		if err != nil {
			t.Fatal(err)
		}
		fmt.Fprint(conn, text)
		conn.Close()
		s.over(int64(i + 1))
	}
	s.want("session  tls_handshake", "session")
	s.wantTLS(0, 0, 2)
}

func TestPOP3ConnThatBreaks(t *testing.T) {
	for _, tt := range []struct {
		name, last string
		do         func(net.Conn)
		want       []string
	}{
		{"left between two commands", "", func(net.Conn) {}, []string{"NOOP", "session"}},
		{"left in a line", "NOO", func(net.Conn) {}, []string{"NOOP", "session  eof"}},
		{"reset", "", func(conn net.Conn) { _ = conn.(*net.TCPConn).SetLinger(0) }, []string{"NOOP", "session  connection_reset"}},
		{"idle", "", func(conn net.Conn) { _, _ = io.Copy(io.Discard, conn) }, []string{"NOOP", "session  timeout"}},
		{"the server panics", "DELE 1\r\n", func(conn net.Conn) { _, _ = io.Copy(io.Discard, conn) }, []string{"NOOP", "DELE  panic", "session  panic"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := startPOP3(t, false, false, 300*time.Millisecond)
			conn := s.dial(false)
			s.say(conn, "NOOP")
			fmt.Fprint(conn, tt.last)
			tt.do(conn)
			conn.Close()
			s.want(tt.want...)
		})
	}
}

// A connection counts from the first that its server does with it to its end.
func TestPOP3ConnIsActive(t *testing.T) {
	s := startPOP3(t, false, false, pop3Patience)
	var conns []net.Conn
	for range 5 {
		conns = append(conns, s.dial(false))
	}
	if n := s.value("active_connections", "pop3"); n != 5 {
		t.Errorf("%d open", n)
	}
	for _, conn := range conns {
		conn.Close()
	}
	s.want(slices.Repeat([]string{"session"}, 5)...)
}

// The address is not asked for where connections are accepted: behind a proxy it
// may take a Read to know.
func TestPOP3ConnAsksForTheAddressLate(t *testing.T) {
	conn := &pop3Script{in: []byte("x")}
	c := observe.POP3(nil, conn)
	if conn.asked {
		t.Error("asked at once")
	}
	if _, err := c.Read(make([]byte, 10)); err != nil || !conn.asked {
		t.Error("not asked at the first Read", err)
	}
	if c.NetConn() != net.Conn(conn) {
		t.Error("another connection within")
	}
}

// FuzzPOP3Conn: every byte passes as it is, and every error.
func FuzzPOP3Conn(f *testing.F) {
	for _, tt := range pop3Dialogues {
		f.Add([]byte(strings.Join(pop3Steps(tt.dialogue), "")), uint8(9))
	}
	f.Fuzz(func(t *testing.T, in []byte, size uint8) {
		inner := &pop3Script{in: bytes.Clone(in)}
		c := observe.POP3(nil, inner)
		buffer := make([]byte, int(size)+1)
		var got []byte
		for {
			n, err := c.Read(buffer)
			got = append(got, buffer[:n]...)
			if m, err := c.Write(buffer[:n]); m != n || err != nil {
				t.Fatal(m, err)
			}
			if err != nil {
				if !errors.Is(err, io.EOF) {
					t.Fatal(err)
				}
				break
			}
		}
		c.Close()
		if !bytes.Equal(got, in) || !bytes.Equal(inner.out.Bytes(), in) || !inner.closed {
			t.Errorf("%q was read as %q and written as %q", in, got, inner.out.Bytes())
		}
	})
}

// pop3Script is a connection whose client has said everything beforehand.
type pop3Script struct {
	net.Conn
	in            []byte
	out           bytes.Buffer
	asked, closed bool
}

func (s *pop3Script) Read(p []byte) (int, error) {
	n := copy(p, s.in)
	if s.in = s.in[n:]; n == 0 {
		return 0, io.EOF
	}
	return n, nil
}
func (s *pop3Script) Write(p []byte) (int, error) { return s.out.Write(p) }
func (s *pop3Script) Close() error                { s.closed = true; return nil }
func (s *pop3Script) RemoteAddr() net.Addr        { s.asked = true; return nil }
func (s *pop3Script) LocalAddr() net.Addr         { return nil }
