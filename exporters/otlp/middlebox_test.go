package otlp_test

import (
	"io"
	"net"
	"sync"
	"testing"
)

// middlebox is what stands between a push and its receiver: a firewall, a load balancer.
type middlebox struct {
	t    *testing.T
	l    net.Listener
	wait sync.WaitGroup

	mu    sync.Mutex
	to    string
	conns []net.Conn // of both sides
	made  int        // connections so far
	mute  chan struct{}
}

// newMiddlebox forwards connections to an address. It hands the first to spoil, if that is
// not nil.
func newMiddlebox(t *testing.T, to string, spoil func(net.Conn)) *middlebox {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	m := &middlebox{t: t, l: l, to: to, mute: make(chan struct{})}
	m.wait.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			m.mu.Lock()
			m.made++
			m.conns = append(m.conns, c)
			first, mute, to := m.made == 1, m.mute, m.to
			m.mu.Unlock()
			m.wait.Go(func() {
				defer c.Close()
				if first && spoil != nil {
					spoil(c)
					return
				}
				m.forward(c, to, mute)
			})
		}
	})
	t.Cleanup(func() {
		_ = l.Close()
		m.mu.Lock()
		for _, c := range m.conns {
			_ = c.Close()
		}
		m.mu.Unlock()
		m.wait.Wait()
	})
	return m
}

func (m *middlebox) addr() string { return m.l.Addr().String() }

// forget stops forwarding what passes over the connections that there are, without closing
// them. New ones are forwarded.
func (m *middlebox) forget() {
	m.mu.Lock()
	defer m.mu.Unlock()
	close(m.mute)
	m.mute = make(chan struct{})
}

// cut closes all connections. New ones are forwarded to another address.
func (m *middlebox) cut(to string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.to = to
	for _, c := range m.conns {
		_ = c.Close()
	}
	m.conns = nil
}

func (m *middlebox) connections() int {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.made
}

func (m *middlebox) forward(client net.Conn, to string, mute chan struct{}) {
	server, err := net.Dial("tcp", to)
	if err != nil {
		return
	}
	defer server.Close()
	m.mu.Lock()
	m.conns = append(m.conns, server)
	m.mu.Unlock()
	var both sync.WaitGroup
	pass := func(to, from net.Conn) {
		_, _ = io.Copy(muted{to, mute}, from)
		select {
		case <-mute: // it says nothing of an end either
		default:
			_ = to.Close()
			_ = from.Close()
		}
	}
	both.Go(func() { pass(server, client) })
	both.Go(func() { pass(client, server) })
	both.Wait()
}

// muted swallows what is written once mute is closed.
type muted struct {
	to   io.Writer
	mute chan struct{}
}

func (m muted) Write(p []byte) (int, error) {
	select {
	case <-m.mute:
		return len(p), nil
	default:
		return m.to.Write(p)
	}
}
