// Program webconfig serves /metrics by a web configuration file, and pushes over HTTP.
package main

import (
	"context"
	"log"

	"github.com/rusmes/otelmail"
	"github.com/rusmes/otelmail/exporters/otlp"
	"github.com/rusmes/otelmail/exporters/prometheus"
	"github.com/rusmes/otelmail/exporters/prometheus/webconfig"
)

func main() {
	ctx := context.Background()
	tel, err := otelmail.Start(ctx, prometheus.Serve(prometheus.WithWebConfigFile("web.yml", webconfig.Read)), otlp.Push())
	log.Print(err)
	log.Print(tel.Shutdown(ctx))
}
