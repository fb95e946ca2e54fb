package otelimap

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"maps"
	"net"
	"reflect"
	"slices"
	"sync"
	"time"

	"github.com/emersion/go-imap/v2/imapserver"

	"github.com/rusmes/otelmail"
)

// Server is an [imapserver.Server] whose connections are recorded. It has the same
// methods, and Shutdown.
type Server struct {
	tel     *otelmail.Telemetry
	options imapserver.Options
	config  config

	mu        sync.Mutex
	closed    bool
	listeners map[net.Listener]bool
	serving   sync.WaitGroup // the loops that accept
	conns     map[*connection]bool
}

// NewServer returns a server with the options that [imapserver.New] takes, which must
// not be changed afterwards. A nil tel records nothing.
func NewServer(tel *otelmail.Telemetry, options *imapserver.Options, opts ...Option) *Server {
	imapserver.New(options) // panics if they cannot be served with
	s := &Server{
		tel: tel, options: *options,
		listeners: map[net.Listener]bool{}, conns: map[*connection]bool{},
	}
	for _, opt := range opts {
		if opt != nil {
			opt.apply(&s.config)
		}
	}
	return s
}

var errClosed = errors.New("otelimap: server closed")

// Serve serves the connections that l accepts, of whatever kind l is. It returns nil
// when the server or l is closed.
//
// For implicit TLS l is what [tls.NewListener] returns. The *tls.Conn of a listener of
// another type is not what [imapserver.Conn.NetConn] returns, which has it as its own
// NetConn.
func (s *Server) Serve(l net.Listener) error {
	s.mu.Lock()
	if s.closed {
		s.mu.Unlock()
		return errClosed
	}
	s.listeners[l] = true
	s.serving.Add(1)
	s.mu.Unlock()
	defer func() {
		s.mu.Lock()
		delete(s.listeners, l)
		s.mu.Unlock()
		s.serving.Done()
	}()
	return s.accept(s.below(l))
}

func (s *Server) accept(l net.Listener) error {
	var delay time.Duration
	for {
		nc, err := l.Accept()
		if err == nil {
			delay = 0
			s.serve(nc)
			continue
		}
		if errors.Is(err, net.ErrClosed) {
			return nil
		}
		// As imapserver does: what passes, such as too many open files, is waited for.
		if e, ok := errors.AsType[interface {
			error
			Temporary() bool
		}](err); !ok || !e.Temporary() {
			return fmt.Errorf("accept: %w", err)
		}
		delay = min(max(2*delay, 5*time.Millisecond), time.Second)
		s.logger().Printf("accept error (retrying in %v): %v", delay, err)
		time.Sleep(delay)
	}
}

// listener puts our connections below the TLS of a [tls.NewListener], so that they see
// how the network ends, and imapserver the *tls.Conn that it looks for.
type listener struct {
	net.Listener
	server *Server
}

func (l *listener) Accept() (net.Conn, error) {
	nc, err := l.Listener.Accept()
	if err != nil {
		return nil, err // as it is: the loop looks what it is
	}
	return &connection{Conn: nc, server: l.server}, nil
}

func (s *Server) below(l net.Listener) net.Listener {
	given := reflect.ValueOf(l)
	if given.Type() != reflect.TypeOf(tls.NewListener(nil, nil)) {
		return l
	}
	copied := reflect.New(given.Type().Elem())
	copied.Elem().Set(given.Elem())
	below := copied.Elem().FieldByName("Listener")
	if !below.CanSet() {
		return l
	}
	below.Set(reflect.ValueOf(&listener{below.Interface().(net.Listener), s}))
	return copied.Interface().(net.Listener)
}

// serve serves a connection, with an imapserver.Server of its own: its debug writer
// and its logger are then those of the connection.
func (s *Server) serve(nc net.Conn) {
	options := s.options
	c, ok := linkOf(nc)
	if !ok {
		c = &connection{Conn: nc, server: s}
		if _, c.implicit = nc.(*tls.Conn); c.implicit { // imapserver must not offer TLS once more
			options.InsecureAuth, options.TLSConfig = true, nil
		}
		nc = c
	} else {
		c.implicit = true
	}
	options.NewSession = c.newSession
	options.DebugWriter = &tap{connection: c, also: s.options.DebugWriter}
	options.Logger = &logger{Logger: s.logger(), connection: c}
	s.mu.Lock()
	s.conns[c] = true
	s.mu.Unlock()
	_ = imapserver.New(&options).Serve(&single{nc}) // it begins a goroutine and returns nil
}

// single is a listener that accepts one connection.
type single struct{ nc net.Conn }

func (l *single) Accept() (net.Conn, error) {
	nc := l.nc
	if nc == nil {
		return nil, net.ErrClosed
	}
	l.nc = nil
	return nc, nil
}

func (l *single) Close() error   { return nil }
func (l *single) Addr() net.Addr { return nil }

// ListenAndServe listens on a TCP address, "" for ":143", and serves.
func (s *Server) ListenAndServe(addr string) error {
	if addr == "" {
		addr = ":143"
	}
	l, err := net.Listen("tcp", addr)
	if err != nil {
		return fmt.Errorf("listen for IMAP: %w", err)
	}
	return s.Serve(l)
}

// ListenAndServeTLS listens on a TCP address, "" for ":993", and serves with implicit
// TLS.
func (s *Server) ListenAndServeTLS(addr string) error {
	if addr == "" {
		addr = ":993"
	}
	l, err := tls.Listen("tcp", addr, s.options.TLSConfig)
	if err != nil {
		return fmt.Errorf("listen for IMAP over TLS: %w", err)
	}
	return s.Serve(l)
}

// Close closes all listeners and all connections, with what is in progress on them. A
// second call is an error.
func (s *Server) Close() error {
	err := s.stopAccepting()
	for _, c := range s.open() {
		c.closeTop()
	}
	return err
}

// Shutdown closes all listeners, waits for the commands in progress and closes each
// connection after a BYE as soon as nothing is in progress on it: a client that is
// silent, or in IDLE, is not waited for. When ctx is done, what is left is closed as
// it is, and the error of ctx returned.
func (s *Server) Shutdown(ctx context.Context) error {
	err := s.stopAccepting()
	for {
		open := s.open()
		if len(open) == 0 {
			return err
		}
		for _, c := range open {
			c.leave()
		}
		select {
		case <-ctx.Done():
			for _, c := range s.open() {
				c.closeTop()
			}
			return ctx.Err()
		case <-time.After(10 * time.Millisecond):
		}
	}
}

func (s *Server) stopAccepting() (err error) {
	s.mu.Lock()
	if s.closed {
		s.mu.Unlock()
		return errClosed
	}
	s.closed = true
	for l := range s.listeners {
		err = errors.Join(err, l.Close())
	}
	s.mu.Unlock()
	s.serving.Wait()
	return err
}

func (s *Server) open() []*connection {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Collect(maps.Keys(s.conns))
}
