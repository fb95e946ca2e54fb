package demo

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"sync"

	"github.com/emersion/go-smtp"
)

// server is one of the demo's servers at work.
type server interface {
	// stop takes no new connections, lets those under way end until ctx does,
	// and then closes them: an idle client must not keep a server from stopping.
	stop(ctx context.Context)
}

// stopAll stops servers, each of which has until ctx ends.
func stopAll(ctx context.Context, servers []server) {
	var stopping sync.WaitGroup
	for _, s := range servers {
		stopping.Go(func() { s.stop(ctx) })
	}
	stopping.Wait()
}

// serving is an SMTP server at work.
type serving struct {
	openConns
	server *smtp.Server
	log    *slog.Logger

	loops     sync.WaitGroup // one for each listener
	listeners []net.Listener
}

func newServing(server *smtp.Server, log *slog.Logger) *serving {
	server.ErrorLog = slog.NewLogLogger(log.Handler(), slog.LevelDebug)
	return &serving{server: server, log: log}
}

// serve accepts connections until stop.
func (s *serving) serve(l net.Listener) {
	s.listeners = append(s.listeners, l)
	s.loops.Go(func() {
		if err := s.server.Serve(l); err != nil && !errors.Is(err, net.ErrClosed) {
			s.log.Error("the SMTP server has stopped", "error", err)
		}
	})
}

// stop implements [server].
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
