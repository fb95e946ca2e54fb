package main_test

import (
	"context"
	"log"
	"net"

	"github.com/emersion/go-smtp"

	"github.com/rusmes/otelmail"
	"github.com/rusmes/otelmail/exporters/otlp"
	"github.com/rusmes/otelmail/exporters/prometheus"
	"github.com/rusmes/otelmail/instrumentation/otelsmtp"
)

// What a program has, as the example of README takes it.
var (
	ctx     = context.Background()
	backend smtp.Backend
)

func Example() {
	tel, err := otelmail.Start(ctx,
		otelmail.WithService("mymail", "1.2.3"),
		prometheus.Serve(), // /metrics, /health, /ready and /live on 0.0.0.0:9090
		otlp.Push(),        // where OTEL_EXPORTER_OTLP_ENDPOINT points; else nowhere
	)
	if err != nil {
		log.Print(err) // names the setting, its value and what is allowed; tel records nothing
	}
	defer tel.Shutdown(context.Background())

	server := otelsmtp.NewServer(tel, smtp.NewServer(backend)) // github.com/emersion/go-smtp
	listener, err := net.Listen("tcp", ":25")                  // any listener: TLS, PROXY protocol, systemd's
	if err == nil {
		err = server.Serve(listener)
	}
	log.Print(err)
}
