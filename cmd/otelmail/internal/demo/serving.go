package demo

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"sync"

	"github.com/emersion/go-smtp"
)

// serving is an SMTP server at work. It knows which connections are open, to
// end those whose clients will not.
type serving struct {
	server *smtp.Server
	log    *slog.Logger

	loops     sync.WaitGroup // one for each listener
	listeners []net.Listener

	mu   sync.Mutex
	open map[*openConn]struct{}
}

func newServing(server *smtp.Server, log *slog.Logger) *serving {
	server.ErrorLog = slog.NewLogLogger(log.Handler(), slog.LevelDebug)
	return &serving{server: server, log: log, open: map[*openConn]struct{}{}}
}

// tracked is l with its connections known to stop. Wrap it before anything
// else wraps it.
func (s *serving) tracked(l net.Listener) net.Listener { return trackedListener{l, s} }

// serve accepts connections until stop.
func (s *serving) serve(l net.Listener) {
	s.listeners = append(s.listeners, l)
	s.loops.Go(func() {
		if err := s.server.Serve(l); err != nil && !errors.Is(err, net.ErrClosed) {
			s.log.Error("the SMTP server has stopped", "error", err)
		}
	})
}

// stop takes no new connections, lets those under way end until ctx does, and
// then closes them: an idle client must not keep a server from stopping.
func (s *serving) stop(ctx context.Context) {
	for _, l := range s.listeners {
		_ = l.Close()
	}
	s.loops.Wait()
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		_ = s.server.Shutdown(context.Background()) // its error is about listeners that are closed
	}()
	select {
	case <-ended:
	case <-ctx.Done():
		s.closeAll()
		<-ended
	}
}

func (s *serving) closeAll() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for c := range s.open {
		_ = c.Conn.Close()
	}
}

type trackedListener struct {
	net.Listener
	serving *serving
}

// Accept implements [net.Listener].
func (l trackedListener) Accept() (net.Conn, error) {
	conn, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	c := &openConn{conn, l.serving}
	l.serving.mu.Lock()
	defer l.serving.mu.Unlock()
	l.serving.open[c] = struct{}{}
	return c, nil
}

type openConn struct {
	net.Conn
	serving *serving
}

// Close implements [net.Conn].
func (c *openConn) Close() error {
	c.serving.mu.Lock()
	delete(c.serving.open, c)
	c.serving.mu.Unlock()
	return c.Conn.Close()
}
