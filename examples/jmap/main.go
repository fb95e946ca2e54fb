// Command jmap is a JMAP server (RFC 8620) on net/http behind otelhttp, which makes the HTTP
// spans. What otelmail adds is marked.
package main

import (
	"context"
	"flag"
	"log"
	"net"
	"net/http"
	"os"
	"os/signal"
	"syscall"
	"time"

	"go.opentelemetry.io/contrib/instrumentation/net/http/otelhttp"

	"github.com/rusmes/otelmail"
	"github.com/rusmes/otelmail/exporters/otlp"
	"github.com/rusmes/otelmail/exporters/prometheus"
	"github.com/rusmes/otelmail/instrumentation/oteljmap"
)

var (
	listen = flag.String("jmap", "127.0.0.1:8080", "`address` of the JMAP server")
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
	// otelmail: the pipelines, which otelhttp finds by itself. Serve answers /metrics and the
	// probes; Push is silent until OTEL_EXPORTER_OTLP_ENDPOINT names a Collector.
	tel, err := otelmail.Start(ctx,
		otelmail.WithService("jmap", "0.1.0"),
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
	mux := http.NewServeMux()
	// otelmail: requests, method calls and their spans, within the HTTP spans of otelhttp.
	mux.Handle("POST /jmap/api", oteljmap.Wrap(tel, &api{tel.TracerProvider().Tracer("example.org/jmap")}, oteljmap.InsideHTTPSpan()))
	mux.HandleFunc("GET /.well-known/jmap", session)
	server := &http.Server{
		// A stranger's traceparent becomes a link and no parent: nobody outside chooses what is sampled.
		Handler: otelhttp.NewHandler(mux, "jmap",
			otelhttp.WithPublicEndpointFn(func(*http.Request) bool { return true })),
		ConnState:         oteljmap.ConnState(tel), // otelmail: connections
		ReadHeaderTimeout: 10 * time.Second,
	}
	failed := make(chan error, 1)
	go func() { failed <- server.Serve(listener) }()

	select {
	case err = <-failed:
	case <-ctx.Done():
	}
	stop() // a second signal ends the program at once
	grace, cancel := context.WithTimeout(context.Background(), 25*time.Second)
	defer cancel()
	// otelmail: /ready says 503 from now on, requests in progress end, and telemetry is flushed.
	// Behind a load balancer give it time to look away: 5 s in place of 0.
	if drained := tel.Drain(grace, 0, server.Shutdown); drained != nil {
		log.Print(drained)
	}
	return err
}
