// Program handler serves /metrics on a server of its own, and pushes over HTTP.
package main

import (
	"context"
	"log"
	"net/http"

	"github.com/rusmes/otelmail"
	"github.com/rusmes/otelmail/exporters/otlp"
	"github.com/rusmes/otelmail/exporters/prometheus"
)

func main() {
	ctx := context.Background()
	tel, err := otelmail.Start(ctx, otlp.Push())
	log.Print(err)
	metrics, err := prometheus.NewHandler(tel.Reader())
	if err != nil {
		log.Fatal(err)
	}
	http.Handle("/metrics", metrics)
	log.Print(http.ListenAndServe("127.0.0.1:9090", nil))
	log.Print(tel.Shutdown(ctx))
}
