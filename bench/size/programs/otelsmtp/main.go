// Program otelsmtp is a server of go-smtp that serves /metrics and pushes over HTTP.
package main

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

func main() {
	ctx := context.Background()
	tel, err := otelmail.Start(ctx, prometheus.Serve(), otlp.Push())
	if err != nil {
		log.Print(err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:2525")
	if err != nil {
		log.Fatal(err)
	}
	log.Print(otelsmtp.NewServer(tel, smtp.NewServer(nil)).Serve(l))
	log.Print(tel.Shutdown(ctx))
}
