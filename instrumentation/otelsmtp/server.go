package otelsmtp

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"maps"
	"net"
	"slices"
	"sync"
	"time"

	"github.com/emersion/go-smtp"

	"github.com/rusmes/otelmail"
)

// Server serves what its smtp.Server is set up for, and records it.
type Server struct {
	tel    *otelmail.Telemetry
	smtp   *smtp.Server
	config config

	goodbyes chan struct{} // one for each refusal being written
	working  sync.WaitGroup

	mu        sync.Mutex
	shut      bool                       // by Shutdown or Close
	closed    bool                       // by Close
	listeners map[*net.Listener]struct{} // a Listener need not be a key
	conns     map[*connection]struct{}
	open      int // sessions
}

// NewServer returns a server that serves as server is set up, and records all of it in
// tel. Set up server's fields before the first connection; call the methods of the
// Server returned, not those of server. A nil tel records nothing.
func NewServer(tel *otelmail.Telemetry, server *smtp.Server, opts ...Option) *Server {
	if tel == nil {
		tel = otelmail.Noop()
	}
	return &Server{
		tel: tel, smtp: server, config: configOf(opts),
		goodbyes:  make(chan struct{}, maxGoodbyes),
		listeners: map[*net.Listener]struct{}{}, conns: map[*connection]struct{}{},
	}
}

// ListenAndServe listens where the smtp.Server's Network and Addr say, as its own
// ListenAndServe does.
func (s *Server) ListenAndServe() error {
	l, err := net.Listen(s.address(":smtp"))
	if err != nil {
		return err
	}
	return s.Serve(l)
}

// ListenAndServeTLS is ListenAndServe with implicit TLS (RFC 8314), by the
// smtp.Server's TLSConfig.
func (s *Server) ListenAndServeTLS() error {
	network, address := s.address(":smtps")
	l, err := tls.Listen(network, address, s.smtp.TLSConfig)
	if err != nil {
		return err
	}
	return s.Serve(l)
}

func (s *Server) address(usual string) (network, address string) {
	network, address = s.smtp.Network, s.smtp.Addr
	if network == "" {
		network = "tcp"
		if s.smtp.LMTP {
			network = "unix"
		}
	}
	if address == "" && !s.smtp.LMTP {
		address = usual
	}
	return network, address
}

// Serve serves the connections that l accepts: in plaintext, or, of a listener such as
// [tls.NewListener] makes, in implicit TLS. It returns nil after Close or Shutdown.
func (s *Server) Serve(l net.Listener) error {
	s.mu.Lock()
	if s.shut {
		s.mu.Unlock()
		_ = l.Close()
		return nil
	}
	s.listeners[&l] = struct{}{}
	s.mu.Unlock()
	defer func() {
		s.mu.Lock()
		delete(s.listeners, &l)
		s.mu.Unlock()
	}()
	var pause time.Duration
	for {
		nc, err := l.Accept()
		var passing interface{ Temporary() bool }
		switch {
		case err == nil:
			pause = 0
			if !s.start(nc) {
				_ = nc.Close()
				return nil
			}
		case s.isShut():
			return nil
		case errors.As(err, &passing) && passing.Temporary(): // too many open files
			pause = min(max(2*pause, 5*time.Millisecond), time.Second)
			s.smtp.ErrorLog.Printf("accept error: %s; retrying in %s", err, pause)
			time.Sleep(pause)
		default:
			return err
		}
	}
}

func (s *Server) isShut() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.shut
}

// start serves a connection in a goroutine of its own. Nothing that may block, such
// as RemoteAddr behind a proxy, runs before that.
func (s *Server) start(nc net.Conn) bool {
	c := &connection{server: s, nc: nc}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.shut {
		return false
	}
	s.conns[c] = struct{}{}
	s.working.Go(func() {
		s.serve(c)
		s.mu.Lock()
		delete(s.conns, c)
		s.mu.Unlock()
	})
	return true
}

func (s *Server) serve(c *connection) {
	switch {
	case s.blocks(c.nc.RemoteAddr()):
		s.refuse(c.nc, otelmail.RefusedBlocked, "554 5.7.1 Your address is blocked\r\n")
	case !s.take():
		s.refuse(c.nc, otelmail.RefusedOverload, "421 4.3.2 Too many connections, try again later\r\n")
	default:
		c.serve()
	}
}

// blocks asks the application's function, in a goroutine of its own so that neither a panic
// nor runtime.Goexit ends more than the question. Then the client is let in: a blocklist
// that is broken must not stop the mail.
func (s *Server) blocks(client net.Addr) (blocked bool) {
	if s.config.blocked == nil {
		return false
	}
	answered := make(chan struct{})
	go func() {
		why := "ended its goroutine (runtime.Goexit)"
		defer close(answered)
		defer func() {
			if v := recover(); v != nil {
				why = fmt.Sprintf("panicked with a %T", v)
			}
			if why != "" {
				s.smtp.ErrorLog.Printf("otelsmtp: the function given to Block %s: the client is let in", why)
			}
		}()
		blocked = s.config.blocked(client)
		why = ""
	}()
	<-answered
	return blocked
}

// take takes one of the places of MaxConnections, if one is left.
func (s *Server) take() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.config.limit > 0 && s.open >= s.config.limit {
		return false
	}
	s.open++
	return true
}

func (s *Server) release() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.open--
}

// Close closes all listeners and connections at once. It returns the first error of
// closing a listener, and [smtp.ErrServerClosed] when it was called before.
func (s *Server) Close() error {
	s.mu.Lock()
	again := s.closed
	s.closed = true
	s.mu.Unlock()
	if again {
		return smtp.ErrServerClosed
	}
	err := s.stop()
	for _, c := range s.connections() {
		c.close()
	}
	return err
}

// stop closes the listeners.
func (s *Server) stop() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.shut = true
	var failed error
	for l := range s.listeners {
		if err := (*l).Close(); err != nil && failed == nil {
			failed = err
		}
	}
	clear(s.listeners)
	return failed
}

func (s *Server) connections() []*connection {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Collect(maps.Keys(s.conns))
}

// Shutdown closes the listeners, says goodbye (421 4.3.2) to each client as soon as no
// command of its and no transaction is in progress, and returns when all are gone, with
// the first error of closing a listener. When ctx ends before that, it returns ctx's
// error; Close then closes the rest. After an earlier Shutdown or Close it waits too,
// and returns [smtp.ErrServerClosed].
func (s *Server) Shutdown(ctx context.Context) error {
	again := s.isShut()
	err := s.stop()
	if again {
		err = smtp.ErrServerClosed
	}
	gone := make(chan struct{})
	go func() { s.working.Wait(); close(gone) }()
	for look := time.NewTicker(20 * time.Millisecond); ; {
		for _, c := range s.connections() {
			c.sendAway()
		}
		select {
		case <-gone:
			look.Stop()
			return err
		case <-ctx.Done():
			look.Stop()
			return ctx.Err()
		case <-look.C:
		}
	}
}
