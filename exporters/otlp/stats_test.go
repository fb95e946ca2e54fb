package otlp

import (
	"context"
	"net/http"
	"net/http/httptest"
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
	e := &exporter{opts: []Option{Endpoint(server.URL), Metrics(Off()), Logs(Off())}}
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
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	if err := tel.Shutdown(ctx); err == nil {
		t.Error("two lost spans are no error")
	}
	want := Stats{Signal: "traces", Where: server.URL + "/v1/traces", Produced: 5, Sent: 3, Failed: 2}
	if got := e.stats(); len(got) != 1 || got[0] != want || got[0].Waiting() != 0 {
		t.Errorf("stats: %+v, want %+v", got, want)
	}
}

// A panic in a stock exporter must not end the process.
func TestGuard(t *testing.T) {
	r := newRoute(traces, "nowhere", nil, func(error) {})
	defer r.end()
	lost, err := r.deliver(t.Context(), 4, func(context.Context) error { panic("secret") })
	if lost != 4 || err == nil || err.Error() != "4 of 4 spans not delivered: the exporter panicked with a string" {
		t.Errorf("deliver: %d, %v", lost, err)
	}
}

func TestReportsAreFew(t *testing.T) {
	var texts []string
	r := &reporter{prefix: "p", secrets: hide(nil), handle: func(err error) { texts = append(texts, err.Error()) }}
	for range 1000 {
		r.report(context.DeadlineExceeded)
	}
	r.last = r.last.Add(-reportEvery)
	r.report(context.DeadlineExceeded)
	if len(texts) != 2 || texts[0] != "p: context deadline exceeded" || texts[1] != "p: context deadline exceeded (999 more since the last report)" {
		t.Errorf("reports: %q", texts)
	}
}
