package integration

import (
	"context"
	"net/http"

	"go.opentelemetry.io/contrib/otelconf"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"

	"github.com/rusmes/otelmail"
	"github.com/rusmes/otelmail/exporters/prometheus"
)

// serveConfigured is an application whose providers come from OTEL_CONFIG_FILE. run gets what
// records and what is served, and the application ends with it.
func serveConfigured(ctx context.Context, run func(*otelmail.Telemetry, http.Handler) error) error {
	reader, err := otelmail.NewReader()
	if err != nil {
		return err
	}
	providers, err := otelconf.NewSDK( // reads OTEL_CONFIG_FILE
		otelconf.WithContext(ctx),
		otelconf.WithMeterProviderOptions(sdkmetric.WithReader(reader), sdkmetric.WithView(reader.Views()...)),
	)
	if err != nil {
		return err
	}
	tel, err := otelmail.New(
		otelmail.WithMeterProvider(providers.MeterProvider()),
		otelmail.WithTracerProvider(providers.TracerProvider()),
		otelmail.WithLoggerProvider(providers.LoggerProvider()),
		otelmail.WithPropagator(providers.Propagator()),
	)
	defer tel.Shutdown(context.Background())
	defer providers.Shutdown(context.Background()) // first: the last push reads from tel
	if err != nil {
		return err
	}
	metrics, err := prometheus.NewHandler(reader)
	if err != nil {
		return err
	}
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", metrics)
	if err := tel.Health.Mount(mux); err != nil { // /health, /ready, /live
		return err
	}
	return run(tel, mux)
}
