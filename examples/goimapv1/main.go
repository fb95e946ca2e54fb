// Command goimapv1 is an IMAP server on version 1 of github.com/emersion/go-imap, with its
// store in memory. What otelmail adds is marked.
package main

import (
	"context"
	"flag"
	"log"
	"net"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/emersion/go-imap/backend/memory"
	"github.com/emersion/go-imap/server"

	"github.com/rusmes/otelmail"
	"github.com/rusmes/otelmail/exporters/otlp"
	"github.com/rusmes/otelmail/exporters/prometheus"
	"github.com/rusmes/otelmail/instrumentation/otelimapv1"
	"github.com/rusmes/otelmail/observe"
)

var (
	listen = flag.String("imap", "127.0.0.1:1143", "`address` of the IMAP server")
	web    = flag.String("web", "127.0.0.1:9090", "`address` of /metrics and the probes")
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
	// otelmail: the pipelines. Serve answers /metrics and the probes; Push is silent until
	// OTEL_EXPORTER_OTLP_ENDPOINT names a Collector.
	tel, err := otelmail.Start(ctx,
		otelmail.WithService("goimapv1", "0.1.0"),
		prometheus.Serve(prometheus.WithAddress(*web)),
		otlp.Push(),
	)
	if err != nil {
		return err
	}
	listener, err := net.Listen("tcp", *listen)
	if err != nil {
		return err
	}
	listener = observe.LimitIMAP(tel, listener, 200) // otelmail: who comes beyond is told to come later

	s := server.New(memory.New()) // whose one user is "username" with the password "password"
	s.AllowInsecureAuth = true    // on loopback
	s.AutoLogout = 30 * time.Minute
	s.Enable(otelimapv1.Extension(tel)) // otelmail: one line
	failed := make(chan error, 1)
	go func() { failed <- s.Serve(listener) }()

	select {
	case err = <-failed:
	case <-ctx.Done():
	}
	stop() // a second signal ends the program at once
	grace, cancel := context.WithTimeout(context.Background(), 25*time.Second)
	defer cancel()
	// otelmail: /ready says 503 from now on, and telemetry is flushed. This version of go-imap
	// waits for nobody: give clients, and a load balancer, the 5 s in which mail is still served.
	if drained := tel.Drain(grace, 0, func(context.Context) error { return s.Close() }); drained != nil {
		log.Print(drained)
	}
	return err
}
