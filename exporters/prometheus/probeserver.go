package prometheus

import (
	"context"
	"errors"
	"fmt"
	"log"
	"net"
	"net/http"
	"time"

	"github.com/rusmes/otelmail/export"
)

// probeServer serves the probes alone, in plain HTTP, on a listener of its own: TLS asks
// for a client certificate before it knows the path, and an orchestrator has none.
type probeServer struct {
	listener net.Listener
	http     *http.Server
	fresh    freshConns
	handle   func(error)
	problems *problems
	reserve  reserve
	served   chan struct{} // closed when serving has ended; nil before it begins
}

// openProbes binds the address of the probes, if they have one of their own.
func openProbes(ctx context.Context, at bindAddress, p export.Pipeline, counted *problems, errorLog *log.Logger) (*probeServer, error) {
	if at.address == "" {
		return nil, nil
	}
	l, err := at.listen(ctx)
	if err != nil {
		return nil, err
	}
	s := &probeServer{listener: l, handle: p.HandleError, problems: counted}
	s.http = boundedServer(p.Health().Handler(), 5*time.Second, 10*time.Second, &s.fresh)
	s.http.ErrorLog = errorLog
	return s, nil
}

func (s *probeServer) start(context.Context) error {
	s.served = make(chan struct{})
	go func() {
		defer close(s.served)
		defer s.reserve.close()
		if err := s.http.Serve(boundedListener{s.listener, newConnections(s.problems, false, &s.reserve)}); !errors.Is(err, http.ErrServerClosed) && !errors.Is(err, net.ErrClosed) {
			s.handle(fmt.Errorf("prometheus: serve the probes on %s: %w", s.listener.Addr(), err))
		}
	}()
	return nil
}

func (s *probeServer) shutdown(ctx context.Context) error {
	return shutdown(ctx, s.listener, s.http, &s.fresh, s.served)
}

// ProbeAddr is the address that [WithProbeAddress] listens on: nil where the probes have
// none of their own, before Start has opened the server, and when RUSMES_METRICS_ENABLED is
// false.
func (s *Server) ProbeAddr() net.Addr {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.probeServer == nil {
		return nil
	}
	return s.probeServer.listener.Addr()
}
