package otelsmtp_test

import (
	"bufio"
	"errors"
	"io"
	"net"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/rusmes/otelmail/instrumentation/otelsmtp"
)

func TestBlock(t *testing.T) {
	w := start(t, &script{}, setting{opts: []otelsmtp.Option{otelsmtp.Block(func(client net.Addr) bool {
		tcp, ok := client.(*net.TCPAddr)
		return ok && tcp.IP.IsLoopback()
	})}})
	c := w.dial()
	c.answer("554 5.7.1")
	c.closed()
	early := w.dial().say("EHLO before.the.greeting.example", "554") // and still reads why
	early.closed()
	w.expect(counts{"rusmes_smtp_connections_rejected_blocked_total": 2})
}

// A function that fails lets the client in, and the next one is asked about all the same.
func TestBlockIsContained(t *testing.T) {
	for name, end := range map[string]func(){"panics": func() { panic("bob@example.org") }, "ends its goroutine": runtime.Goexit} {
		t.Run(name, func(t *testing.T) {
			w := start(t, &script{}, setting{opts: []otelsmtp.Option{otelsmtp.Block(func(net.Addr) bool { end(); return true })}})
			for range 3 {
				c := w.dial()
				c.answer("220")
				c.say("QUIT", "221")
				c.closed()
			}
			w.expect(counts{"rusmes_smtp_connections_total": 3, `rusmes_tls_sessions_total{tls="no"}`: 3, "rusmes_smtp_session_duration_seconds_count": 3})
		})
	}
}

// TestMaxConnections has more clients come and go than there are places. A
// client counts itself only while the server surely has it open.
func TestMaxConnections(t *testing.T) {
	const limit, clients, visits = 3, 20, 20
	w := start(t, &script{}, setting{opts: []otelsmtp.Option{otelsmtp.MaxConnections(limit)}})
	var now, tooMany, served, refused atomic.Int64
	visit := func() error {
		c, err := net.Dial("tcp", w.addr)
		if err != nil {
			return err
		}
		defer c.Close()
		_ = c.SetDeadline(time.Now().Add(patience))
		r := bufio.NewReader(c)
		line, err := r.ReadString('\n')
		if err != nil {
			return err
		}
		if strings.HasPrefix(line, "421 4.3.2") {
			refused.Add(1)
			return nil
		}
		served.Add(1)
		if now.Add(1) > limit {
			tooMany.Add(1)
		}
		_, _ = io.WriteString(c, "NOOP\r\n")
		_, err = r.ReadString('\n')
		now.Add(-1)
		return err
	}
	var group sync.WaitGroup
	for range clients {
		group.Go(func() {
			for range visits {
				if err := visit(); err != nil {
					t.Error(err)
				}
			}
		})
	}
	group.Wait()
	if tooMany.Load() > 0 {
		t.Errorf("more than %d connections were open %d times", limit, tooMany.Load())
	}
	if served.Load() == 0 || refused.Load() == 0 {
		t.Errorf("%d served, %d refused: want some of both", served.Load(), refused.Load())
	}
	w.expect(counts{"rusmes_smtp_connections_total": float64(served.Load()), `rusmes_tls_sessions_total{tls="no"}`: float64(served.Load()),
		"rusmes_smtp_session_duration_seconds_count": float64(served.Load()), "rusmes_smtp_connections_rejected_overload_total": float64(refused.Load())})
}

func TestRefusalInImplicitTLS(t *testing.T) {
	set := implicitTLS(serverTLS(t))
	set.opts = []otelsmtp.Option{otelsmtp.Block(func(net.Addr) bool { return true })}
	w := start(t, &script{}, set)
	if said, err := io.ReadAll(w.dial()); len(said) > 0 || err != nil {
		t.Errorf("read %q, %v; want a plain close", said, err)
	}
	w.expect(counts{"rusmes_smtp_connections_rejected_blocked_total": 1})
}

// TestPlacesComeBack: a place is free again as soon as its connection closes.
func TestPlacesComeBack(t *testing.T) {
	w := start(t, &script{}, setting{opts: []otelsmtp.Option{otelsmtp.MaxConnections(1)}})
	for range 5 {
		w.Mark()
		w.dial().greet().say("QUIT", "221")
		w.expect(ended(nil))
	}
}

// TestSlowRefusals: clients that take nothing do not hold up Accept, and only so
// many of them are waited for.
func TestSlowRefusals(t *testing.T) {
	const slow, waitedFor = 500, 64
	l := &pipes{conns: make(chan net.Conn, slow+1)}
	clients := make([]net.Conn, slow)
	for i := range clients {
		var near net.Conn
		near, clients[i] = net.Pipe() // writing to it waits for the reader
		l.conns <- near
	}
	var served atomic.Bool
	w := start(t, &script{}, setting{
		listener: func(unused net.Listener) net.Listener { _ = unused.Close(); return l },
		opts:     []otelsmtp.Option{otelsmtp.Block(func(net.Addr) bool { return !served.Load() })},
	})
	w.expect(counts{"rusmes_smtp_connections_rejected_blocked_total": slow})
	time.Sleep(200 * time.Millisecond) // until all are waited for or closed
	served.Store(true)
	near, last := net.Pipe()
	l.conns <- near
	hand(t, last).greet()
	closed := 0
	for _, client := range clients {
		if said, _ := io.ReadAll(client); len(said) == 0 {
			closed++
		} else if string(said) != "554 5.7.1 Your address is blocked\r\n" {
			t.Errorf("read %q", said)
		}
	}
	if closed != slow-waitedFor {
		t.Errorf("%d clients were closed without a word, want %d", closed, slow-waitedFor)
	}
}

// pipes is a listener without a network.
type pipes struct {
	conns chan net.Conn
	once  sync.Once
}

func (p *pipes) Accept() (net.Conn, error) {
	c, ok := <-p.conns
	if !ok {
		return nil, errors.New("no more")
	}
	return c, nil
}
func (p *pipes) Close() error   { p.once.Do(func() { close(p.conns) }); return nil }
func (p *pipes) Addr() net.Addr { return &net.UnixAddr{Name: "pipes", Net: "unix"} }
