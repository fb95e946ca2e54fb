package demo

import (
	"context"
	"log/slog"
	"net"
	"sync"

	"github.com/emersion/go-smtp"

	"github.com/rusmes/otelmail"
	"github.com/rusmes/otelmail/instrumentation/otelsmtp"
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
	server *otelsmtp.Server
	log    *slog.Logger
	loops  sync.WaitGroup // one for each listener
}

// newServing makes a server that records in tel; nil records nothing.
func newServing(tel *otelmail.Telemetry, server *smtp.Server, log *slog.Logger, opts ...otelsmtp.Option) *serving {
	server.ErrorLog = slog.NewLogLogger(log.Handler(), slog.LevelDebug)
	return &serving{server: otelsmtp.NewServer(tel, server, opts...), log: log}
}

// serve accepts connections until stop.
func (s *serving) serve(l net.Listener) {
	s.loops.Go(func() {
		if err := s.server.Serve(l); err != nil {
			s.log.Error("the SMTP server has stopped", "error", err)
		}
	})
}

// stop implements [server].
func (s *serving) stop(ctx context.Context) {
	_ = s.server.Shutdown(ctx) // its error is about listeners that are closed, or that ctx has ended
	_ = s.server.Close()
	_ = s.server.Shutdown(context.Background())
	s.loops.Wait()
}
