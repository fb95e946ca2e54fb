package otelimap_test

import (
	"fmt"
	"net"
	"os"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"

	"github.com/emersion/go-imap/v2"
	"github.com/emersion/go-imap/v2/imapclient"
	"github.com/emersion/go-imap/v2/imapserver"
)

// A client that goes away between commands breaks nothing.
func TestClientVanishes(t *testing.T) {
	sees(t, func(t *testing.T, s setup) {
		w := newWorld(t, s)
		_ = w.dial().Close()
		_ = w.login().Close()
		_ = w.login().say("SELECT INBOX", "OK").Close()
		w.ended(3, counts{commands: 3})
	})
}

// A reset is a session that broke, for who can see it.
func TestClientResets(t *testing.T) {
	sees(t, func(t *testing.T, s setup) {
		w := newWorld(t, s)
		c := w.login()
		tcp, ok := c.Conn.(*net.TCPConn)
		if !ok {
			tcp = c.Conn.(interface{ NetConn() net.Conn }).NetConn().(*net.TCPConn)
		}
		if err := tcp.SetLinger(0); err != nil {
			t.Fatal(err)
		}
		_ = tcp.Close()
		w.ended(1, counts{commands: 1, errs: 1})
	})
}

// An answer that cannot be written tells a client that has left from one that broke off.
func TestAnswerThatIsNotHeard(t *testing.T) {
	for name, test := range map[string]struct {
		err  error
		want counts
	}{
		"left":  {syscall.EPIPE, counts{commands: 1}},
		"reset": {syscall.ECONNRESET, counts{commands: 2, errs: 1}},
		"slow":  {os.ErrDeadlineExceeded, counts{commands: 2, errs: 1}},
	} {
		t.Run(name, func(t *testing.T) {
			gone := &atomic.Bool{}
			w := newWorld(t, setup{listen: func(l net.Listener) net.Listener { return deaf{l, gone, test.err} }})
			c := w.login()
			gone.Store(true)
			c.send("t NOOP\r\n").closed()
			w.ended(1, test.want)
		})
	}
}

// deaf is a listener whose connections cannot be written to once the clients are gone.
type deaf struct {
	net.Listener
	gone *atomic.Bool
	err  error
}

func (l deaf) Accept() (net.Conn, error) {
	nc, err := l.Listener.Accept()
	return deafConn{nc, l}, err
}

type deafConn struct {
	net.Conn
	client deaf
}

func (c deafConn) Write(b []byte) (int, error) {
	if c.client.gone.Load() {
		return 0, c.client.err
	}
	return c.Conn.Write(b)
}

// go-imap hangs up, without a reply, on what is no command.
func TestLineThatIsNoCommand(t *testing.T) {
	sees(t, func(t *testing.T, s setup) {
		w := newWorld(t, s)
		w.dial().send("\r\n").closed()
		w.ended(1, counts{errs: 1})
	})
}

// An unknown command before LOGIN is answered BAD and BYE: one error.
func TestUnknownCommandBeforeLogin(t *testing.T) {
	sees(t, func(t *testing.T, s setup) {
		w := newWorld(t, s)
		w.dial().say("EHLO me", "BAD").closed()
		w.ended(1, counts{commands: 1, errs: 1})
	})
}

// The backend may throw a client out: that breaks nothing.
func TestBye(t *testing.T) {
	sees(t, func(t *testing.T, s setup) {
		conns := make(chan *imapserver.Conn, 1)
		s.session = func(c *imapserver.Conn) (imapserver.Session, *imapserver.GreetingData, error) {
			conns <- c
			return &backend{}, nil, nil
		}
		w := newWorld(t, s)
		c := w.login()
		if err := (<-conns).Bye("time to go"); err != nil {
			t.Fatal(err)
		}
		c.closed()
		w.ended(1, counts{commands: 1})
	})
}

// A shutdown ends all sessions; those in IDLE are cut off.
func TestServerCloses(t *testing.T) {
	sees(t, func(t *testing.T, s setup) {
		w := newWorld(t, s)
		w.login()
		w.idle(w.login())
		w.expectSpans("IMAP LOGIN ok", "IMAP LOGIN ok") // or a LOGIN that was answered just now is cut off, too
		if err := w.server.Close(); err != nil {
			t.Fatal(err)
		}
		w.ended(2, counts{commands: 3, errs: 1})
	})
}

// A client may choose a tag that looks like something else.
func TestTags(t *testing.T) {
	w := newWorld(t, setup{})
	c := w.login()
	tags := []string{"+", "+ok", "OK", "NO", "BAD", "BYE", fmt.Sprintf("%05000d", 1), "\xfftag", "a.b:c"}
	for _, tag := range tags {
		c.send(tag + " CREATE " + "INBOX\r\n").answer(tag + " NO")
	}
	n := float64(len(tags))
	w.expect(counts{connections: 1, active: 1, plain: 1, commands: 1 + n, errs: n})
	w.idle(c.say("SELECT INBOX", "OK"))
	c.send("DONE\r\n").answer("t OK")
	w.expect(counts{connections: 1, active: 1, plain: 1, commands: 3 + n, errs: n})
}

// A hundred clients at once, with go-imap's own client library.
func TestConcurrentSessions(t *testing.T) {
	sees(t, func(t *testing.T, s setup) {
		s.caps = allCaps
		w := newWorld(t, s)
		const clients = 100
		var all sync.WaitGroup
		for i := range clients {
			all.Go(func() {
				if err := session(w, fmt.Sprintf("box%d", i)); err != nil {
					t.Error(err)
				}
			})
		}
		all.Wait()
		const n = 9
		w.ended(clients, counts{commands: n * clients, errs: 2 * clients})
		if got := len(w.Spans("")); got != n*clients {
			t.Errorf("%d spans, want %d", got, n*clients)
		}
	})
}

// session is one client's session: 8 commands and LOGOUT, two of them fail.
func session(w *world, box string) error {
	dial := imapclient.DialInsecure
	options := &imapclient.Options{}
	if w.tls {
		dial, options.TLSConfig = imapclient.DialTLS, insecure
	}
	c, err := dial(w.addr, options)
	if err != nil {
		return fmt.Errorf("dial: %w", err)
	}
	defer c.Close()
	if err := c.WaitGreeting(); err != nil {
		return fmt.Errorf("greeting: %w", err)
	}
	if err := c.Login("bob@example.org", "wrong").Wait(); err == nil {
		return fmt.Errorf("logged in with a wrong password")
	}
	if err := c.Login("bob@example.org", "secret").Wait(); err != nil {
		return fmt.Errorf("login: %w", err)
	}
	if err := c.Create(box, nil).Wait(); err != nil {
		return fmt.Errorf("create: %w", err)
	}
	if err := c.Create(box, nil).Wait(); err == nil {
		return fmt.Errorf("created %s twice", box)
	}
	const text = "Subject: hi\r\n\r\nhi\r\n"
	a := c.Append(box, int64(len(text)), nil)
	if _, err := a.Write([]byte(text)); err != nil {
		return fmt.Errorf("append: %w", err)
	}
	if err := a.Close(); err != nil {
		return fmt.Errorf("append: %w", err)
	}
	if _, err := a.Wait(); err != nil {
		return fmt.Errorf("append: %w", err)
	}
	if _, err := c.Select(box, nil).Wait(); err != nil {
		return fmt.Errorf("select: %w", err)
	}
	body := &imap.FetchItemBodySection{}
	got, err := c.Fetch(imap.SeqSetNum(1), &imap.FetchOptions{BodySection: []*imap.FetchItemBodySection{body}}).Collect()
	if err != nil || len(got) != 1 || string(got[0].FindBodySection(body)) != text {
		return fmt.Errorf("fetch: %v, %w", got, err)
	}
	if err := c.Noop().Wait(); err != nil {
		return fmt.Errorf("noop: %w", err)
	}
	if err := c.Logout().Wait(); err != nil {
		return fmt.Errorf("logout: %w", err)
	}
	return nil
}
