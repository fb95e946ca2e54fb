package prometheus

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/rusmes/otelmail"
	"github.com/rusmes/otelmail/export"
	"github.com/rusmes/otelmail/internal/settings"
)

// Server is the [export.Exporter] that serves /metrics, the probes and a page
// of links. It is for one Start.
type Server struct {
	opts []Option

	mu       sync.Mutex
	opened   bool
	listener net.Listener
	// probeServer is nil where the probes have no address of their own.
	probeServer *probeServer

	http      *http.Server
	front     *frontPage // nil where the metrics are at "/"
	shown     bool       // in front is another exporter's page
	profiles  *profiles  // nil where nobody has asked for them
	protect   func(http.Handler) http.Handler
	web       *webConfig
	logins    *logins
	problems  *problems
	handle    func(error)
	fresh     freshConns
	reserve   reserve
	accepting chan struct{} // closed when connections are accepted
	serving   chan struct{} // closed when the serving goroutine has ended; nil before it begins
}

// NewServer returns a server for [otelmail.WithExporter]. Options are checked at
// Start.
func NewServer(opts ...Option) *Server { return &Server{opts: opts} }

// Serve is WithExporter(NewServer(opts...)), for when [Server.Addr] is not needed.
// Default: http://0.0.0.0:9090/metrics, /health, /ready and /live.
func Serve(opts ...Option) otelmail.StartOption { return otelmail.WithExporter(NewServer(opts...)) }

// Addr is the address that is listened on, nil before Start has opened the
// server and when RUSMES_METRICS_ENABLED is false.
func (s *Server) Addr() net.Addr {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.listener == nil {
		return nil
	}
	return s.listener.Addr()
}

// Open implements [export.Exporter]. It checks all settings and binds the
// address; requests are answered from the moment that Start's providers exist.
func (s *Server) Open(ctx context.Context, p export.Pipeline) error {
	if err := s.open(ctx, p); err != nil {
		return fmt.Errorf("prometheus: %w", err)
	}
	return nil
}

func (s *Server) open(ctx context.Context, p export.Pipeline) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.opened {
		return errors.New("this Server is in use: make one for each Start")
	}
	c, err := newServerConfig(s.opts)
	env := settings.NewEnv(p.LookupEnv, p.HandleError, p.StrictSettings())
	enabled := env.Bool(settings.MetricsEnabled)
	bind := readAddress(c.address, env)
	p.OnPage(func(page export.Page) error { return s.show(page, bind, c) })
	probesAt := readProbeAddress(c.probeAddress, env)
	if probesAt.address == bind.address && strings.HasPrefix(bind.address, systemdPrefix) {
		err = errors.Join(err, settings.Invalid(probesAt.from, probesAt.address, "a socket other than that of "+bind.from))
	}
	if (c.pprof || env.Bool(settings.PprofEnabled)) && !p.Disabled() {
		s.profiles = newProfiles()
	}
	env.Lenient = p.Disabled() // the probes do not need the path
	path := readPath(c.path, env)
	if err := errors.Join(err, env.Err()); err != nil {
		return err
	}
	s.handle = p.HandleError
	metrics, err := newHandler(p.Reader(), append(c.handlerOptions, handlerOption(func(h *handlerConfig) error {
		h.reserve = &s.reserve
		return nil
	})))
	if err != nil {
		return err
	}
	routes, err := s.newRoutes(path, metrics, c)
	if err != nil {
		return err
	}
	if !enabled {
		return nil
	}
	reporter, kinds := newReporter(s.handle), &kinds{}
	if s.problems, err = newServerProblems(metrics, reporter, kinds); err != nil {
		return err
	}
	if s.logins, err = newLogins(); err != nil {
		return err
	}
	if s.web, err = openWebConfig(c.webConfigFile, c.readWebConfig, s.problems); err != nil {
		return fmt.Errorf("WithWebConfigFile: %q cannot be used: %w", c.webConfigFile, err)
	}
	s.accepting = make(chan struct{})
	s.http = s.newHTTPServer(newProbes(p.Health()).before(s.configured(routes)), metrics.config.timeout)
	s.http.ErrorLog = serverLog{reporter, kinds}.logger()
	if s.profiles != nil {
		s.http.RegisterOnShutdown(s.profiles.end)
	}
	probeServer, err := openProbes(ctx, probesAt, p, s.problems, s.http.ErrorLog)
	if err != nil {
		return err
	}
	// This is the last step that can fail.
	if s.listener, err = s.listen(ctx, bind, c); err != nil {
		if probeServer != nil {
			_ = probeServer.listener.Close()
		}
		return err
	}
	s.opened = true
	s.warnIfOpen(bind, c, p)
	if probeServer != nil {
		s.probeServer = probeServer
		p.OnStart("probe server", probeServer.start)
		p.OnShutdown("probe server", probeServer.shutdown)
	}
	p.OnStart("prometheus server", s.start)
	p.OnShutdown("prometheus server", s.shutdown)
	return nil
}

// listen opens the address, unless strangers could have profiles made there.
func (s *Server) listen(ctx context.Context, bind bindAddress, c *serverConfig) (net.Listener, error) {
	l, err := bind.listen(ctx)
	if err == nil && s.profiles != nil && !s.closed(c) && !isLocal(l.Addr()) {
		_ = l.Close()
		err = s.profiles.refuse(bind)
	}
	if err != nil {
		return nil, err
	}
	return l, nil
}

// boundedServer bounds what a stranger can hold open, beside [connections]. write is from
// a request's first byte on.
func boundedServer(handler http.Handler, read, write time.Duration, fresh *freshConns) *http.Server {
	return &http.Server{
		Handler:           whileBusy(handler),
		ReadHeaderTimeout: 5 * time.Second,
		ReadTimeout:       read,
		WriteTimeout:      write,
		IdleTimeout:       3 * time.Minute, // longer than most scrape intervals
		MaxHeaderBytes:    32 << 10,
		HTTP2:             &http.HTTP2Config{MaxConcurrentStreams: 16},
		ConnState:         fresh.track,
		ConnContext:       withConnection,
	}
}

func (s *Server) newHTTPServer(handler http.Handler, scrape time.Duration) *http.Server {
	server := boundedServer(handler, 10*time.Second, scrape+20*time.Second, &s.fresh)
	if s.web.settings().tls != nil {
		server.TLSConfig = &tls.Config{GetConfigForClient: func(*tls.ClientHelloInfo) (*tls.Config, error) {
			return s.web.settings().tls, nil
		}}
	}
	// BaseContext is called before the first connection is accepted.
	server.BaseContext = func(net.Listener) context.Context {
		close(s.accepting)
		return context.Background()
	}
	return server
}

// start returns when requests are answered, or with an error if they cannot be.
func (s *Server) start(ctx context.Context) error {
	s.mu.Lock()
	l, failed := s.listener, make(chan error, 1)
	s.serving = make(chan struct{})
	go s.serve(l, failed, s.serving)
	s.mu.Unlock()
	select {
	case <-s.accepting:
		return nil
	case err := <-failed:
		return err
	case <-ctx.Done():
		return fmt.Errorf("serve on %s: %w", l.Addr(), ctx.Err())
	}
}

func (s *Server) serve(l net.Listener, failed chan<- error, done chan<- struct{}) {
	defer close(done)
	defer s.reserve.close()
	defer l.Close() // else clients would connect and wait for ever
	var err error
	bounded := boundedListener{l, newConnections(s.problems, s.http.TLSConfig != nil, &s.reserve)}
	if s.http.TLSConfig != nil {
		err = s.http.ServeTLS(bounded, "", "")
	} else {
		err = s.http.Serve(bounded)
	}
	select {
	case <-s.accepting:
		if !errors.Is(err, http.ErrServerClosed) && !errors.Is(err, net.ErrClosed) {
			s.handle(fmt.Errorf("prometheus: serve on %s: %w", l.Addr(), err))
		}
	default:
		failed <- fmt.Errorf("serve on %s: %w", l.Addr(), err)
	}
}
