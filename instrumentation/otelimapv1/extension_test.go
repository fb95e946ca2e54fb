package otelimapv1_test

import (
	"bufio"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"log"
	"math/big"
	"net"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/emersion/go-imap"
	"github.com/emersion/go-imap/backend"
	"github.com/emersion/go-imap/backend/memory"
	"github.com/emersion/go-imap/commands"
	"github.com/emersion/go-imap/server"

	"github.com/rusmes/otelmail"
	"github.com/rusmes/otelmail/instrumentation/otelimapv1"
	"github.com/rusmes/otelmail/otelmailtest"
)

const patience = time.Minute

// world is a server of version 1, with memory's backend: the user is "username", the
// password "password".
type world struct {
	*otelmailtest.Recorder
	t       *testing.T
	server  *server.Server
	backend *spyBackend
	addr    string
	tls     bool
}

func newWorld(t *testing.T, implicit bool) *world {
	t.Helper()
	return newWorldOn(t, memory.New(), implicit)
}

func newWorldOn(t *testing.T, store backend.Backend, implicit bool, opts ...otelmail.StartOption) *world {
	t.Helper()
	w := &world{Recorder: otelmailtest.New(t, append(opts, otelmail.WithPrivacy(otelmail.PrivacyFull))...), t: t, tls: implicit,
		backend: &spyBackend{Backend: store}}
	w.server = server.New(w.backend)
	w.server.AllowInsecureAuth = true
	w.server.TLSConfig = certificate(t)
	w.server.ErrorLog = log.New(io.Discard, "", 0)
	w.server.Enable(otelimapv1.Extension(w.Tel), probes{})
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	w.addr = l.Addr().String()
	if implicit {
		l = tls.NewListener(l, w.server.TLSConfig)
	}
	go w.server.Serve(l)
	t.Cleanup(func() { _ = w.server.Close() })
	return w
}

// spyBackend notes what a backend is told of a connection.
type spyBackend struct {
	backend.Backend
	secure atomic.Bool
}

func (b *spyBackend) Login(info *imap.ConnInfo, name, password string) (backend.User, error) {
	b.secure.Store(info.TLS != nil && info.RemoteAddr != nil)
	return b.Backend.Login(info, name, password)
}

// probes is an extension with commands of a test's own.
type probes struct{}

func (probes) Capabilities(server.Conn) []string { return nil }
func (probes) Command(name string) server.HandlerFactory {
	if name != "PANIC" && name != "TRACED" {
		return nil
	}
	return func() server.Handler { return &probe{name: name} }
}

type probe struct {
	commands.Noop
	name string
}

func (p *probe) Handle(c server.Conn) error {
	if p.name == "PANIC" {
		panic("no")
	}
	if otelmail.TraceContextOf(otelimapv1.Context(c)).Parent == "" {
		return errors.New("no span")
	}
	return nil
}

func certificate(t *testing.T) *tls.Config {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	about := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, about, about, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	return &tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key}}}
}

// client speaks IMAP by hand.
type client struct {
	t *testing.T
	net.Conn
	r *bufio.Reader
}

func (w *world) dial() *client {
	w.t.Helper()
	nc, err := net.Dial("tcp", w.addr)
	if err != nil {
		w.t.Fatal(err)
	}
	if w.tls {
		nc = tls.Client(nc, insecure)
	}
	return hand(w.t, nc).answer("* OK")
}

var insecure = &tls.Config{InsecureSkipVerify: true}

func hand(t *testing.T, nc net.Conn) *client {
	_ = nc.SetDeadline(time.Now().Add(patience))
	t.Cleanup(func() { _ = nc.Close() })
	return &client{t, nc, bufio.NewReader(nc)}
}

func (c *client) send(text string) *client {
	c.t.Helper()
	if _, err := io.WriteString(c, text); err != nil {
		c.t.Fatalf("send %.40q: %v", text, err)
	}
	return c
}

func (c *client) answer(begin string) *client {
	c.t.Helper()
	for {
		line, err := c.r.ReadString('\n')
		if err != nil {
			c.t.Fatalf("read %q: %v", begin, err)
		}
		if strings.HasPrefix(line, begin) {
			return c
		}
		if strings.HasPrefix(line, "t ") {
			c.t.Fatalf("reply %q, want %q", line, begin)
		}
	}
}

func (c *client) say(line, status string) *client {
	c.t.Helper()
	return c.send("t " + line + "\r\n").answer("t " + status)
}

func (c *client) closed() {
	c.t.Helper()
	if _, err := io.Copy(io.Discard, c.r); errors.Is(err, context.DeadlineExceeded) {
		c.t.Fatal("the server has not closed the connection")
	}
}

// expect waits until nobody is connected, and all is counted and nothing else but what the root tests.
func (w *world) expect(connections, commands, errs float64, spans string) {
	w.t.Helper()
	w.Moved(otelmailtest.Series{
		"rusmes_imap_connections_total": connections, "rusmes_imap_commands_total": commands, "rusmes_imap_errors_total": errs,
		"rusmes_replies_total": otelmailtest.Any, "rusmes_auth_attempts_total": otelmailtest.Any, "rusmes_tls_sessions_total": otelmailtest.Any,
		"rusmes_tls_handshakes_total": otelmailtest.Any, "rusmes_tls_handshake_failures_total": otelmailtest.Any,
		"rusmes_connections_lost_total": otelmailtest.Any, "rusmes_panics_total": otelmailtest.Any,
	})
	var all []string
	for _, span := range w.Spans("") {
		text := strings.TrimPrefix(span.Name(), "IMAP ")
		for _, key := range []string{"imap.response.status", "error.type", "imap.mailbox", "user.id"} {
			for _, kv := range span.Attributes() {
				if string(kv.Key) == key {
					text += " " + kv.Value.String()
				}
			}
		}
		all = append(all, text)
	}
	if got := strings.Join(all, "; "); got != spans {
		w.t.Errorf("spans\n%s\nwant\n%s", got, spans)
	}
}

// ways runs a test in plaintext, in implicit TLS and after STARTTLS.
func ways(t *testing.T, run func(t *testing.T, w *world, c *client, first string, more float64)) {
	t.Run("plaintext", func(t *testing.T) {
		w := newWorld(t, false)
		run(t, w, w.dial(), "", 0)
	})
	t.Run("TLS", func(t *testing.T) {
		w := newWorld(t, true)
		run(t, w, w.dial(), "", 0)
	})
	t.Run("STARTTLS", func(t *testing.T) {
		w := newWorld(t, false)
		c := w.dial().say("STARTTLS", "OK")
		w.tls = true
		run(t, w, hand(t, tls.Client(c.Conn, insecure)), "STARTTLS ok; ", 1)
	})
}

func TestAllThatIsSaid(t *testing.T) {
	ways(t, func(t *testing.T, w *world, c *client, first string, more float64) {
		c.say("CAPABILITY", "OK").say("LOGIN username password", "OK").say("SELECT INBOX", "OK").say("XYZZY", "BAD").
			say("SELECT nope", "NO").say("NOOP", "OK").say("LOGOUT", "OK").closed()
		w.expect(1, 7+more, 2, first+"CAPABILITY ok; LOGIN ok; SELECT ok INBOX username; _OTHER bad bad username; "+
			"SELECT no no nope username; NOOP ok username; LOGOUT ok username")
		if w.backend.secure.Load() != w.tls {
			t.Errorf("the backend is told of TLS: %v", w.backend.secure.Load())
		}
	})
}

func TestLiteralsAndIdle(t *testing.T) {
	ways(t, func(_ *testing.T, w *world, c *client, first string, more float64) {
		c.send("t LOGIN {8}\r\n").answer("+").send("username {8}\r\n").answer("+").send("password\r\n").answer("t OK").
			say("SELECT INBOX", "OK").send("t APPEND INBOX {22}\r\n").answer("+").send("Subject: a\r\n\r\nx NO t\r\n\r\n").answer("t OK").
			say("FETCH 1:* (BODY[])", "OK").send("t IDLE\r\n").answer("+").send("DONE\r\n").answer("t OK").
			say("LOGOUT", "OK").closed()
		w.expect(1, 6+more, 0, first+"LOGIN ok; SELECT ok INBOX username; APPEND ok INBOX username; FETCH ok INBOX username; "+
			"IDLE ok INBOX username; LOGOUT ok username")
	})
}

func TestAuthenticate(t *testing.T) {
	ways(t, func(_ *testing.T, w *world, c *client, first string, more float64) {
		c.send("t AUTHENTICATE PLAIN\r\n").answer("+").send("*\r\n").answer("t BAD").
			send("t AUTHENTICATE PLAIN\r\n").answer("+").send("AHVzZXJuYW1lAHBhc3N3b3Jk\r\n").answer("t OK").
			say("TRACED", "OK").say("LOGOUT", "OK").closed()
		w.expect(1, 4+more, 1, first+"AUTHENTICATE bad bad; AUTHENTICATE ok; _OTHER ok username; LOGOUT ok username")
	})
}

// How sessions end, and break.
func TestEnds(t *testing.T) {
	for name, test := range map[string]struct {
		do       func(*client)
		commands float64
		errors   float64
		spans    string
	}{
		"leaves":            {func(c *client) { _ = c.Close() }, 0, 0, ""},
		"leaves, in a line": {func(c *client) { _ = c.send("t NOO").Close() }, 0, 0, ""},
		"leaves, in a APPEND": {func(c *client) {
			_ = c.say("LOGIN username password", "OK").send("t APPEND INBOX {9}\r\n").answer("+").Close()
		}, 2, 1, "LOGIN ok; APPEND broken eof INBOX username"},
		"no command": {func(c *client) { _ = c.send("\r\n").answer("* BAD").Close() }, 0, 1, ""},
		"a panic":    {func(c *client) { c.send("t PANIC\r\n").answer("* BYE").closed() }, 1, 1, "_OTHER broken canceled"},
		"reset": {func(c *client) {
			nc := c.Conn
			if below, ok := nc.(interface{ NetConn() net.Conn }); ok {
				nc = below.NetConn()
			}
			_ = c.say("NOOP", "OK")
			_ = nc.(*net.TCPConn).SetLinger(0)
			_ = nc.Close()
		}, 1, 1, "NOOP ok"},
		"shutdown": {func(*client) {}, 0, 0, ""},
	} {
		t.Run(name, func(t *testing.T) {
			ways(t, func(_ *testing.T, w *world, c *client, first string, more float64) {
				if more > 0 {
					c.say("NOOP", "OK") // the handshake
					first += strings.TrimSuffix("NOOP ok; "+test.spans, "; ")
					more++
				} else {
					first = test.spans
				}
				test.do(c)
				if name == "shutdown" {
					_ = w.server.Close()
				}
				w.expect(1, test.commands+more, test.errors, first)
			})
		})
	}
}

func TestStartTLSThatFails(t *testing.T) {
	w := newWorld(t, false)
	w.dial().say("STARTTLS", "OK").send("\x00\x01\x02\x03 no TLS\r\n").closed()
	w.expect(1, 1, 1, "STARTTLS ok")
}

func TestContextOfAnother(t *testing.T) {
	if otelimapv1.Context(nil) == nil {
		t.Error("no context")
	}
}

func Example() {
	tel := otelmail.Noop() // what otelmail.Start returns
	s := server.New(memory.New())
	s.Enable(otelimapv1.Extension(tel))
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		fmt.Println(err)
		return
	}
	go s.Serve(l)
	fmt.Println(s.Close())
	// Output: <nil>
}
