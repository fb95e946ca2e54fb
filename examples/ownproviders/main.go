// Command ownproviders is an application that has OpenTelemetry providers, a Prometheus
// registry and an HTTP server of its own, and a mail server on github.com/emersion/go-smtp.
// What otelmail adds is marked.
package main

import (
	"context"
	"errors"
	"flag"
	"io"
	"log"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/emersion/go-smtp"
	prom "github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"

	"github.com/rusmes/otelmail"
	"github.com/rusmes/otelmail/exporters/prometheus"
	"github.com/rusmes/otelmail/instrumentation/otelsmtp"
)

var (
	listen = flag.String("smtp", "127.0.0.1:2525", "`address` of the SMTP server")
	web    = flag.String("web", "127.0.0.1:8080", "`address` of the application's HTTP server")
)

func main() {
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, stop); err != nil {
		log.Fatal(err)
	}
}

func run(ctx context.Context, stop func()) error {
	// otelmail: what is collected from the MeterProvider, and the Views for it.
	reader, err := otelmail.NewReader()
	if err != nil {
		return err
	}
	own, err := newProviders(reader)
	if err != nil {
		return err
	}
	registry := prom.NewRegistry()
	registry.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	jobs := prom.NewCounter(prom.CounterOpts{Name: "app_jobs_total", Help: "Jobs done"})
	registry.MustRegister(jobs)

	// otelmail: New in place of Start, on the providers that there are.
	tel, err := otelmail.New(
		otelmail.WithMeterProvider(own.meter),
		otelmail.WithTracerProvider(own.tracer),
		otelmail.WithLoggerProvider(own.logger),
	)
	if err != nil {
		return err
	}
	// otelmail: the application's log has the ids of traces, and goes to its LoggerProvider, too.
	logger := slog.New(tel.LogHandler(slog.NewTextHandler(os.Stderr, nil)))

	// otelmail: one page of the series of both, each once, and the probes.
	metrics, err := prometheus.NewHandler(reader,
		prometheus.WithGatherers(registry),
		prometheus.WithoutRuntimeMetrics(), // the registry has them
	)
	if err != nil {
		return err
	}
	mux := http.NewServeMux()
	mux.Handle("/metrics", metrics)
	if err := tel.Health.Mount(mux); err != nil {
		return err
	}
	page, err := net.Listen("tcp", *web)
	if err != nil {
		return err
	}
	pages := &http.Server{Handler: mux, ReadHeaderTimeout: 10 * time.Second}
	mail, err := net.Listen("tcp", *listen)
	if err != nil {
		return err
	}
	mx := smtp.NewServer(smtp.BackendFunc(func(c *smtp.Conn) (smtp.Session, error) {
		return &session{conn: c, jobs: jobs, log: logger}, nil
	}))
	mx.Domain = "mx.example.org"
	server := otelsmtp.NewServer(tel, mx) // otelmail: one line around the server
	failed := make(chan error, 2)
	go func() { failed <- server.Serve(mail) }()
	go func() { failed <- pages.Serve(page) }()

	select {
	case err = <-failed:
	case <-ctx.Done():
	}
	stop() // a second signal ends the program at once
	grace, cancel := context.WithTimeout(context.Background(), 25*time.Second)
	defer cancel()
	// otelmail: /ready says 503 from now on. The sessions end, then the providers, which read
	// from tel what they send last, and then tel. The pages are there to the end.
	drained := tel.Drain(grace, 0, func(ctx context.Context) error {
		return errors.Join(server.Shutdown(ctx), own.shutdown(ctx))
	})
	if drained = errors.Join(drained, pages.Shutdown(grace)); drained != nil {
		log.Print(drained)
	}
	return err
}

// session takes each message, and does the application's job on it.
type session struct {
	conn *smtp.Conn
	jobs prom.Counter
	log  *slog.Logger
}

func (s *session) Reset()                               {}
func (s *session) Logout() error                        { return nil }
func (s *session) Mail(string, *smtp.MailOptions) error { return nil }
func (s *session) Rcpt(string, *smtp.RcptOptions) error { return nil }

func (s *session) Data(r io.Reader) error {
	size, err := io.Copy(io.Discard, r)
	if err != nil {
		return err
	}
	s.jobs.Inc()
	s.log.InfoContext(otelsmtp.Context(s.conn), "job done", "bytes", size) // otelmail: within the span of DATA
	return nil
}
