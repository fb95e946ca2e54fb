// Program both serves /metrics and pushes over HTTP.
package main

import (
	"context"
	"log"

	"github.com/rusmes/otelmail"
	"github.com/rusmes/otelmail/exporters/otlp"
	"github.com/rusmes/otelmail/exporters/prometheus"
)

func main() {
	ctx := context.Background()
	tel, err := otelmail.Start(ctx, prometheus.Serve(), otlp.Push())
	log.Print(err)
	log.Print(tel.Shutdown(ctx))
}
