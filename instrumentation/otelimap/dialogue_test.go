package otelimap_test

import (
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"strings"
	"sync"
	"testing"

	"github.com/emersion/go-imap/v2/imapserver"

	"github.com/rusmes/otelmail"
	"github.com/rusmes/otelmail/instrumentation/otelimap"
)

// What is said counts the same in plaintext, in TLS and after STARTTLS: go-imap's own
// answers, those to commands that no session is told of, too.
func TestAllThatIsSaid(t *testing.T) {
	want := counts{commands: 7, errs: 2}
	spans := []string{"IMAP CAPABILITY ok", "IMAP LOGIN ok", "IMAP SELECT ok", "IMAP _OTHER bad bad",
		"IMAP SELECT no NONEXISTENT", "IMAP NOOP ok", "IMAP LOGOUT ok"}
	talk := func(c *client) {
		c.say("CAPABILITY", "OK").say("LOGIN bob@example.org secret", "OK").say("SELECT INBOX", "OK").say("XYZZY", "BAD").
			say("SELECT nope", "NO").say("NOOP", "OK").say("LOGOUT", "OK").closed()
	}
	sees(t, func(t *testing.T, s setup) {
		w := newWorld(t, s)
		talk(w.dial())
		w.ended(1, want)
		w.expectSpans(spans...)
	})
	t.Run("STARTTLS", func(t *testing.T) {
		w := newWorld(t, setup{})
		talk(w.dial().startTLS())
		w.ended(1, counts{commands: 8, errs: 2, starttls: 1})
		w.expectSpans(append([]string{"IMAP STARTTLS ok"}, spans...)...)
	})
	t.Run("pipelined", func(t *testing.T) {
		w := newWorld(t, setup{})
		c := w.dial()
		for _, line := range []string{"CAPABILITY", "LOGIN bob@example.org secret", "SELECT INBOX", "XYZZY", "SELECT nope", "NOOP", "LOGOUT"} {
			c.send("t " + line + "\r\n")
		}
		c.closed()
		w.ended(1, want)
	})
}

// A client that does not wait for the answer to STARTTLS: go-imap puts a connection of
// its own below TLS.
func TestStartTLSNotWaitedFor(t *testing.T) {
	var current sync.Map
	w := newWorld(t, setup{session: func(c *imapserver.Conn) (imapserver.Session, *imapserver.GreetingData, error) {
		return &backend{run: func(method string) error {
			current.Store(method, otelmail.TraceContextOf(otelimap.Context(c)))
			return nil
		}}, nil, nil
	}})
	c := w.dial()
	early := &earlyConn{Conn: c.Conn, first: "t STARTTLS\r\n", r: c.r}
	hand(t, tls.Client(early, insecure)).say("LOGIN a b", "OK").say("LOGOUT", "OK").closed()
	w.ended(1, counts{commands: 3, starttls: 1})
	w.expectSpans("IMAP STARTTLS ok", "IMAP LOGIN ok", "IMAP LOGOUT ok")
	if got, ok := current.Load("Login"); !ok || got.(otelmail.TraceContext).Parent == "" {
		t.Errorf("LOGIN's context is %v", got)
	}
}

// earlyConn sends a line in front of what it sends first, and skips the line that
// answers it.
type earlyConn struct {
	net.Conn
	first string
	r     io.Reader
	ready bool
}

func (c *earlyConn) Write(b []byte) (int, error) {
	first := c.first
	c.first = ""
	n, err := c.Conn.Write(append([]byte(first), b...))
	return n - len(first), err
}

func (c *earlyConn) Read(b []byte) (int, error) {
	for one := make([]byte, 1); !c.ready; c.ready = one[0] == '\n' {
		if _, err := io.ReadFull(c.r, one); err != nil {
			return 0, err
		}
	}
	return c.r.Read(b)
}

// A debug writer of the application's own still gets all.
func TestDebugWriter(t *testing.T) {
	var said lockedBuilder
	w := newWorld(t, setup{debug: &said})
	w.dial().say("NOOP", "OK").say("LOGOUT", "OK").closed()
	for _, want := range []string{"IMAP server ready", "t NOOP\r\n", "t OK NOOP completed\r\n", "t OK LOGOUT completed\r\n"} {
		if !within(func() bool { return strings.Contains(said.String(), want) }) {
			t.Errorf("%q is not in %q", want, said.String())
		}
	}
}

type lockedBuilder struct {
	mu sync.Mutex
	b  strings.Builder
}

func (l *lockedBuilder) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lockedBuilder) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// While a client is in IDLE the server writes as the client is read: which is which
// stays certain.
func TestUpdatesDuringIdle(t *testing.T) {
	sees(t, func(t *testing.T, s setup) {
		s.session = func(*imapserver.Conn) (imapserver.Session, *imapserver.GreetingData, error) {
			return talker{&backend{}}, nil, nil
		}
		w := newWorld(t, s)
		var all sync.WaitGroup
		const clients, rounds = 4, 8
		for range clients {
			all.Go(func() {
				c := w.login().say("SELECT INBOX", "OK")
				for i := range rounds {
					c.send("t IDLE\r\n").answer("+ idling").send("DONE\r\n").answer("t OK").say(fmt.Sprintf("CREATE b%d", i), "OK")
				}
				c.say("LOGOUT", "OK")
				_ = c.Close()
			})
		}
		all.Wait()
		w.ended(clients, counts{commands: clients * (3 + 2*rounds)})
	})
}

// talker is a session whose IDLE has news all the time.
type talker struct{ *backend }

func (talker) Idle(w *imapserver.UpdateWriter, stop <-chan struct{}) error {
	for n := uint32(1); ; n++ {
		select {
		case <-stop:
			return nil
		default:
			if err := w.WriteNumMessages(n); err != nil {
				return err
			}
		}
	}
}
