// Program grpc serves /metrics and pushes over HTTP or gRPC.
package main

import (
	"context"
	"log"

	"github.com/rusmes/otelmail"
	"github.com/rusmes/otelmail/exporters/otlp"
	"github.com/rusmes/otelmail/exporters/otlp/otlpgrpc"
	"github.com/rusmes/otelmail/exporters/prometheus"
)

func main() {
	ctx := context.Background()
	tel, err := otelmail.Start(ctx, prometheus.Serve(), otlp.Push(otlp.Enable(otlpgrpc.Transport())))
	log.Print(err)
	log.Print(tel.Shutdown(ctx))
}
