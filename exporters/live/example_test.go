package live_test

import (
	"context"
	"log"
	"net/http"
	"time"

	sdklog "go.opentelemetry.io/otel/sdk/log"
	"go.opentelemetry.io/otel/sdk/metric"

	"github.com/rusmes/otelmail"
	"github.com/rusmes/otelmail/exporters/live"
	"github.com/rusmes/otelmail/exporters/prometheus"
)

// The page is at http://127.0.0.1:9090/, beside /metrics. On any other address it wants a
// password, see prometheus.WithBasicAuth and prometheus.WithWebConfigFile.
func ExampleServe() {
	ctx := context.Background()
	tel, err := otelmail.Start(ctx,
		prometheus.Serve(prometheus.WithAddress("127.0.0.1:0")), // "127.0.0.1:9090"
		live.Serve(),
	)
	if err != nil {
		log.Fatal(err)
	}
	// … the mail server runs …
	if err := tel.Shutdown(ctx); err != nil {
		log.Fatal(err)
	}
	// Output:
}

// What has happened to mail is kept for a week, and trace ids lead to the traces.
func ExampleServe_options() {
	live.Serve(
		live.Keep("/var/lib/mymail/events", 7*24*time.Hour),
		live.WithMaxBytes(4<<30),
		live.WithMaxViewers(100),
		live.WithTraceLink("https://traces.example.org/trace/{trace_id}"),
	)
}

// An application that has a server of its own mounts the page there, behind its own login.
func ExampleNewHandler() {
	ctx := context.Background()
	page := live.NewHandler()
	tel, err := otelmail.Start(ctx, otelmail.WithExporter(page))
	if err != nil {
		log.Fatal(err)
	}
	mux := http.NewServeMux()
	mux.Handle("/admin/mail/", http.StripPrefix("/admin/mail", page))
	// … the application's server serves mux …
	if err := tel.Shutdown(ctx); err != nil {
		log.Fatal(err)
	}
	// Output:
}

// An application that builds its own providers has them feed the page.
func ExampleHandler_Attach() {
	ctx := context.Background()
	page := live.NewHandler()
	reader, err := otelmail.NewReader()
	if err != nil {
		log.Fatal(err)
	}
	meters := metric.NewMeterProvider(metric.WithReader(reader), metric.WithView(reader.Views()...))
	logs := sdklog.NewLoggerProvider(sdklog.WithProcessor(page.Processor()))
	tel, err := otelmail.New(otelmail.WithMeterProvider(meters), otelmail.WithLoggerProvider(logs))
	if err != nil {
		log.Fatal(err)
	}
	if err := page.Attach(ctx, tel, reader); err != nil {
		log.Fatal(err)
	}
	mux := http.NewServeMux()
	mux.Handle("/admin/mail/", http.StripPrefix("/admin/mail", page))
	// … the application's server serves mux …
	for _, end := range []func(context.Context) error{tel.Shutdown, logs.Shutdown, meters.Shutdown} {
		if err := end(ctx); err != nil {
			log.Fatal(err)
		}
	}
	// Output:
}
