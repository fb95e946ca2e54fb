package live_test

import (
	"context"
	"log"
	"net/http"
	"time"

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
