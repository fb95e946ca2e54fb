package observe_test

import (
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"os"
	"strings"
	"syscall"
	"testing"

	"github.com/rusmes/otelmail/observe"
	"github.com/rusmes/otelmail/otelmailtest"
)

// lines are what is said in each protocol.
var lines = map[string]struct{ hello, noop, ok, quit, bye string }{
	"smtp": {"220 mx\r\n", "NOOP\r\n", "250 ok\r\n", "QUIT\r\n", "221 bye\r\n"},
	"imap": {"* OK ready\r\n", "a NOOP\r\n", "a OK done\r\n", "b LOGOUT\r\n", "* BYE\r\nb OK done\r\n"},
	"pop3": {"+OK ready\r\n", "NOOP\r\n", "+OK\r\n", "QUIT\r\n", "+OK bye\r\n"},
}

// call is one of a server's: a Write of what it says, or a Read of what the client has
// said, and how it fails.
type call struct {
	does string // hello, ok, bye, noop or quit; "" says nothing
	err  error
}

// A client that leaves is no error; a reset or a timeout is, whichever call tells of it.
func TestHowCallsFail(t *testing.T) {
	reset, timeout, left := error(syscall.ECONNRESET), os.ErrDeadlineExceeded, error(syscall.EPIPE)
	for name, tt := range map[string]struct {
		secure bool
		calls  []call
		want   string // the session's error.type
	}{
		"leaves":                              {false, []call{{"hello", nil}, {"noop", nil}, {"ok", nil}, {"", io.EOF}}, ""},
		"leaves before it hears":              {false, []call{{"hello", nil}, {"noop", nil}, {"ok", left}}, ""},
		"leaves before it is greeted":         {false, []call{{"hello", left}}, ""},
		"leaves before its goodbye":           {false, []call{{"hello", nil}, {"quit", nil}, {"bye", left}}, ""},
		"resets":                              {false, []call{{"hello", nil}, {"noop", nil}, {"ok", nil}, {"", reset}}, "connection_reset"},
		"resets before it hears":              {false, []call{{"hello", nil}, {"noop", nil}, {"ok", reset}}, "connection_reset"},
		"resets, and the server goes on":      {false, []call{{"hello", nil}, {"noop", nil}, {"ok", reset}, {"noop", nil}, {"ok", left}, {"", io.EOF}}, "connection_reset"},
		"resets before it is greeted":         {false, []call{{"hello", reset}}, "connection_reset"},
		"resets when it has left":             {false, []call{{"hello", nil}, {"noop", nil}, {"", io.EOF}, {"ok", reset}}, ""},
		"resets before its goodbye":           {false, []call{{"hello", nil}, {"quit", nil}, {"bye", reset}}, ""},
		"resets after the handshake":          {true, []call{{"hello", reset}}, ""},
		"resets after the handshake, unheard": {true, []call{{"hello", nil}, {"", reset}}, ""},
		"resets inside TLS":                   {true, []call{{"hello", nil}, {"noop", nil}, {"ok", reset}}, "connection_reset"},
		"does not speak":                      {false, []call{{"hello", nil}, {"", timeout}}, "timeout"},
		"does not read":                       {false, []call{{"hello", nil}, {"noop", nil}, {"ok", timeout}}, "timeout"},
		"does not read for a while":           {false, []call{{"hello", timeout}, {"noop", nil}, {"ok", nil}, {"", io.EOF}}, ""},
	} {
		for protocol := range connections {
			t.Run(name+"/"+protocol, func(t *testing.T) {
				rec := otelmailtest.New(t)
				var below net.Conn = &failing{calls: tt.calls, protocol: protocol}
				if tt.secure {
					below = secure{below}
				}
				conn, _ := connections[protocol].observe(rec.Tel, below)
				for _, c := range tt.calls {
					switch c.does {
					case "hello", "ok", "bye":
						_, _ = io.WriteString(conn, said(protocol, c.does))
					default:
						_, _ = conn.Read(make([]byte, 100))
					}
				}
				_ = conn.Close()
				wantBroken(t, rec, protocol, tt.want)
			})
		}
	}
}

func said(protocol, what string) string {
	l := lines[protocol]
	return map[string]string{"hello": l.hello, "noop": l.noop, "ok": l.ok, "quit": l.quit, "bye": l.bye}[what]
}

// wantBroken wants the one session to have broken for a reason, "" for none.
func wantBroken(t *testing.T, rec *otelmailtest.Recorder, protocol, want string) {
	t.Helper()
	errors := 0.0
	var kind any
	if want != "" {
		errors, kind = 1, want
	}
	if protocol != "imap" { // which has no span of a session
		rec.Span(strings.ToUpper(protocol) + " session").Has(otelmailtest.Attributes{"error.type": kind})
	}
	if series := connections[protocol].errors; series != "" {
		rec.Has(otelmailtest.Series{series: errors})
	}
}

// failing is a connection whose calls are written down.
type failing struct {
	net.Conn
	protocol string
	calls    []call
}

func (f *failing) next() (call, string) {
	c := f.calls[0]
	f.calls = f.calls[1:]
	return c, said(f.protocol, c.does)
}

func (f *failing) Read(p []byte) (int, error) {
	c, text := f.next()
	return copy(p, text), c.err
}

func (f *failing) Write(p []byte) (int, error) {
	c, _ := f.next()
	return len(p), c.err
}

func (f *failing) Close() error         { return nil }
func (f *failing) RemoteAddr() net.Addr { return nil }
func (f *failing) LocalAddr() net.Addr  { return nil }

type secure struct{ net.Conn }

func (secure) ConnectionState() tls.ConnectionState {
	return tls.ConnectionState{HandshakeComplete: true, Version: tls.VersionTLS13}
}

// What a kernel says to a server that only writes: a client that has left is told from
// one that has broken off.
func TestWhatWritesTell(t *testing.T) {
	for linger, want := range map[int]string{-1: "", 0: "connection_reset"} {
		rec := otelmailtest.New(t)
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		defer l.Close()
		client, err := net.Dial("tcp", l.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		accepted, err := l.Accept()
		if err != nil {
			t.Fatal(err)
		}
		server := observe.POP3(rec.Tel, accepted)
		if err := client.(*net.TCPConn).SetLinger(linger); err != nil {
			t.Fatal(err)
		}
		_ = client.Close()
		for err == nil {
			_, err = fmt.Fprint(server, "-ERR too busy\r\n")
		}
		_ = server.Close()
		wantBroken(t, rec, "pop3", want)
	}
}
