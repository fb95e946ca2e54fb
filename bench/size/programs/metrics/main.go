// Program metrics serves /metrics and the probes.
package main

import (
	"context"
	"log"

	"github.com/rusmes/otelmail"
	"github.com/rusmes/otelmail/exporters/prometheus"
)

func main() {
	ctx := context.Background()
	tel, err := otelmail.Start(ctx, prometheus.Serve())
	log.Print(err)
	log.Print(tel.Shutdown(ctx))
}
