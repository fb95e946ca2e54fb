// Program bridge serves /metrics by OpenTelemetry's SDK and its exporter for Prometheus.
package main

import (
	"log"
	"net/http"

	"github.com/prometheus/client_golang/prometheus/promhttp"
	"go.opentelemetry.io/otel/exporters/prometheus"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
)

func main() {
	exporter, err := prometheus.New()
	if err != nil {
		log.Fatal(err)
	}
	_, err = sdkmetric.NewMeterProvider(sdkmetric.WithReader(exporter)).Meter("").Int64Counter("a")
	log.Print(err, http.ListenAndServe("127.0.0.1:8080", promhttp.Handler()))
}
