package otelimap_test

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"log"
	"net"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/emersion/go-imap/v2"
	"github.com/emersion/go-imap/v2/imapserver"

	"github.com/rusmes/otelmail/instrumentation/otelimap"
)

// A connection whose address is known late holds nobody else up.
func TestAddressThatTakesTime(t *testing.T) {
	known := make(chan struct{})
	w := newWorld(t, setup{listen: func(l net.Listener) net.Listener { return &proxied{Listener: l, known: known} }})
	first, err := net.Dial("tcp", w.addr)
	if err != nil {
		t.Fatal(err)
	}
	c := w.dial().say("NOOP", "OK") // the second, whose address is known
	close(known)
	hand(t, first).answer("* OK").say("LOGOUT", "OK").closed()
	c.say("LOGOUT", "OK").closed()
	w.ended(2, counts{commands: 3})
}

// proxied is as a listener for the PROXY protocol: the address of its first connection
// comes late.
type proxied struct {
	net.Listener
	known chan struct{}
	once  sync.Once
}

func (l *proxied) Accept() (net.Conn, error) {
	nc, err := l.Listener.Accept()
	if err == nil {
		l.once.Do(func() { nc = &late{nc, l.known} })
	}
	return nc, err
}

type late struct {
	net.Conn
	known chan struct{}
}

func (c *late) RemoteAddr() net.Addr {
	<-c.known
	return c.Conn.RemoteAddr()
}

func TestUnixSocket(t *testing.T) {
	w := newWorld(t, setup{})
	path := filepath.Join(t.TempDir(), "imap")
	l, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	go w.server.Serve(l)
	nc, err := net.Dial("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	hand(t, nc).answer("* OK").say("LOGOUT", "OK").closed()
	w.ended(1, counts{commands: 1})
}

// A backend finds the TLS of a client where go-imap has it, and its connection below.
func TestNetConn(t *testing.T) {
	for name, test := range map[string]struct {
		s   setup
		tls bool
	}{"plaintext": {setup{}, false}, "TLS": {setup{tls: true}, true}} {
		t.Run(name, func(t *testing.T) {
			conns := make(chan net.Conn, 1)
			test.s.session = func(c *imapserver.Conn) (imapserver.Session, *imapserver.GreetingData, error) {
				conns <- c.NetConn()
				return &backend{}, nil, nil
			}
			newWorld(t, test.s).dial()
			nc := <-conns
			if _, ok := nc.(*tls.Conn); ok != test.tls {
				t.Errorf("NetConn is a %T", nc)
			}
			for {
				below, ok := nc.(interface{ NetConn() net.Conn })
				if !ok {
					break
				}
				nc = below.NetConn()
			}
			if _, ok := nc.(*net.TCPConn); !ok {
				t.Errorf("below is a %T", nc)
			}
		})
	}
}

// Listeners fail for a while, or for good.
func TestAcceptThatFails(t *testing.T) {
	w := newWorld(t, setup{})
	broken := errors.New("broken")
	if err := w.server.Serve(&failing{errs: []error{temporary{}, temporary{}, broken}}); !errors.Is(err, broken) {
		t.Errorf("Serve returns %v, want %v", err, broken)
	}
	if err := w.server.Serve(&failing{errs: []error{net.ErrClosed}}); err != nil {
		t.Errorf("Serve returns %v, want nil", err)
	}
}

type failing struct{ errs []error }

func (l *failing) Accept() (net.Conn, error) {
	err := l.errs[0]
	l.errs = l.errs[1:]
	return nil, err
}
func (l *failing) Close() error   { return nil }
func (l *failing) Addr() net.Addr { return nil }

type temporary struct{}

func (temporary) Error() string   { return "temporary" }
func (temporary) Timeout() bool   { return false }
func (temporary) Temporary() bool { return true }

func TestListenAndServe(t *testing.T) {
	options := &imapserver.Options{NewSession: serve(&backend{}), TLSConfig: certificate(t), Logger: log.New(io.Discard, "", 0)}
	for name, listen := range map[string]func(*otelimap.Server, string) error{
		"plaintext": (*otelimap.Server).ListenAndServe, "TLS": (*otelimap.Server).ListenAndServeTLS,
	} {
		t.Run(name, func(t *testing.T) {
			server := otelimap.NewServer(nil, options)
			if err := listen(server, "no address"); err == nil {
				t.Error("no error for an address that is none")
			}
			served := make(chan error)
			go func() { served <- listen(server, "127.0.0.1:0") }()
			time.Sleep(10 * time.Millisecond)
			if err := server.Close(); err != nil {
				t.Error(err)
			}
			if err := <-served; err != nil && err.Error() != "otelimap: server closed" {
				t.Error(err)
			}
			if err := server.Close(); err == nil {
				t.Error("no error for a second Close")
			}
			if err := server.Serve(nil); err == nil {
				t.Error("no error for Serve after Close")
			}
		})
	}
}

func TestOptionsThatCannotBe(t *testing.T) {
	defer func() {
		if recover() == nil {
			t.Error("no panic, as imapserver.New has, without IMAP4rev1 or IMAP4rev2")
		}
	}()
	otelimap.NewServer(nil, &imapserver.Options{Caps: imap.CapSet{}})
}

// Shutdown waits for what is in progress, and for nobody who is silent.
func TestShutdown(t *testing.T) {
	sees(t, func(t *testing.T, s setup) {
		working, work := make(chan bool), make(chan bool)
		s.session = serve(&backend{run: func(method string) error {
			if method == "Create" {
				working <- true
				<-work
			}
			return nil
		}})
		w := newWorld(t, s)
		silent, idling, busy := w.login(), w.login(), w.login()
		idling.send("t IDLE\r\n").answer("+ idling")
		busy.send("t CREATE a\r\n")
		<-working
		down := make(chan error)
		go func() { down <- w.server.Shutdown(context.Background()) }()
		silent.answer("* BYE")
		idling.answer("t OK").answer("* BYE")
		select {
		case err := <-down:
			t.Errorf("Shutdown returns %v before CREATE is done", err)
		default:
		}
		close(work)
		busy.answer("t OK").answer("* BYE").closed()
		if err := <-down; err != nil {
			t.Error(err)
		}
		w.ended(3, counts{commands: 5})
	})
}

func TestShutdownThatTakesTooLong(t *testing.T) {
	working := make(chan bool)
	stop := make(chan bool)
	defer close(stop)
	w := newWorld(t, setup{session: serve(&backend{run: func(method string) error {
		if method == "Create" {
			working <- true
			<-stop
		}
		return nil
	}})})
	c := w.login().send("t CREATE a\r\n")
	<-working
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Millisecond)
	defer cancel()
	if err := w.server.Shutdown(ctx); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("Shutdown returns %v", err)
	}
	c.closed()
	w.ended(1, counts{commands: 2, errs: 1})
	w.expectSpans("IMAP LOGIN ok", "IMAP CREATE broken canceled")
}
