package otlp

import (
	"context"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/rusmes/otelmail"
)

func TestStats(t *testing.T) {
	refuse := make(chan bool, 1)
	refuse <- true
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		select {
		case <-refuse:
			w.WriteHeader(http.StatusBadRequest)
		default:
			w.WriteHeader(http.StatusOK)
		}
	}))
	defer server.Close()
	e := NewPusher(Endpoint(server.URL), Metrics(Off()), Logs(Off()))
	tel, err := otelmail.Start(t.Context(), otelmail.WithoutGlobals(), otelmail.WithExporter(e),
		otelmail.WithErrorHandler(func(error) {}),
		otelmail.WithLookupEnv(func(name string) (string, bool) { return "2", name == "OTEL_BSP_MAX_EXPORT_BATCH_SIZE" }))
	if err != nil {
		t.Fatal(err)
	}
	for range 5 {
		_, span := tel.TracerProvider().Tracer("test").Start(context.Background(), "a")
		span.End()
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	if err := tel.Shutdown(ctx); err == nil {
		t.Error("two lost spans are no error")
	}
	want := Stats{Signal: "traces", Where: server.URL + "/v1/traces", Produced: 5, Sent: 3, Failed: 2, Dropped: Dropped{Rejected: 2}}
	if got := e.Stats(); len(got) != 1 || got[0] != want {
		t.Errorf("stats: %+v, want %+v", got, want)
	}
}

// A panic while something is sent or printed must not end the process.
func TestGuard(t *testing.T) {
	var said string
	d := newConsole(traces, 1, func(err error) { said = err.Error() })
	defer d.end()
	d.Accept(4)
	d.take(t.Context(), 4, false, func(context.Context) ([]byte, error) { panic("secret") })
	if said != "otlp traces: standard output: 4 of 4 spans not delivered: the exporter panicked with a string" {
		t.Errorf("reported: %s", said)
	}
	if s := d.stats(); s.Failed != 4 || s.Waiting != 0 {
		t.Errorf("stats: %+v", s)
	}
}

// A Pusher is for one Start, and has no counts before.
func TestPusherIsForOneStart(t *testing.T) {
	push := NewPusher(Endpoint("http://127.0.0.1:1"), Metrics(Off()), Logs(Off()))
	if got := push.Stats(); got != nil {
		t.Errorf("before Start: %+v", got)
	}
	start := func() (*otelmail.Telemetry, error) {
		return otelmail.Start(t.Context(), otelmail.WithoutGlobals(), otelmail.WithExporter(push), otelmail.WithErrorHandler(func(error) {}),
			otelmail.WithLookupEnv(func(string) (string, bool) { return "", false }))
	}
	tel, err := start()
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = tel.Shutdown(context.Background()) }()
	if _, err := start(); err == nil || !strings.Contains(err.Error(), "one for each Start") {
		t.Errorf("error %v", err)
	}
	if got := push.Stats(); len(got) != 1 || got[0].Signal != "traces" {
		t.Errorf("after Start: %+v", got)
	}
}
