package live_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	sdklog "go.opentelemetry.io/otel/sdk/log"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/resource"
	semconv "go.opentelemetry.io/otel/semconv/v1.43.0"

	"github.com/rusmes/otelmail"
	"github.com/rusmes/otelmail/exporters/live"
)

// A Telemetry on providers of the application's own has the page too: with the numbers, the life
// of a message, and what is searched for hashed by its key.
func TestPageOfNew(t *testing.T) {
	t.Parallel()
	dir := t.TempDir() + "/events"
	page := live.NewHandler(live.Keep(dir, time.Hour))
	server := httptest.NewServer(page)
	defer server.Close()
	reader, err := otelmail.NewReader(otelmail.WithNamespace("acme"))
	if err != nil {
		t.Fatal(err)
	}
	about := resource.NewSchemaless(semconv.ServiceName("theirs"), semconv.ServiceVersion("7"))
	mp := sdkmetric.NewMeterProvider(sdkmetric.WithReader(reader), sdkmetric.WithView(reader.Views()...), sdkmetric.WithResource(about))
	lp := sdklog.NewLoggerProvider(sdklog.WithProcessor(page.Processor()))
	tel, err := otelmail.New(otelmail.WithShutdownTimeout(time.Minute), otelmail.WithNamespace("acme"), otelmail.WithMeterProvider(mp), otelmail.WithLoggerProvider(lp),
		otelmail.WithCheck("storage", func(context.Context) error { return nil }))
	if err != nil {
		t.Fatal(err)
	}
	queued := func(id string) {
		_, queueing := tel.Queue.Enqueue(t.Context(), otelmail.MessageFacts{QueueID: id, MessageID: "<" + id + "@one.example>", Recipient: "Bob@two.example"})
		queueing.End(otelmail.CauseNone)
	}
	queued("TooEarly")
	if err := lp.ForceFlush(t.Context()); err != nil {
		t.Error(err)
	}
	if r := get(t, server.URL+"/api/v1/status"); r.code != 503 {
		t.Errorf("before: %d", r.code)
	}
	if err := page.Attach(t.Context(), tel, reader); err != nil {
		t.Fatal(err)
	}
	tel.Queue.Size.Set(3)
	defer tel.IMAP.Session(t.Context(), otelmail.Conn{}).End(otelmail.CauseNone)
	if r := get(t, server.URL+"/api/v1/sessions"); !strings.Contains(r.body, `[{"protocol":"imap","since":"`) {
		t.Errorf("the sessions: %s", r.body)
	}
	queued("Q1")
	eventually(t, "the numbers", func() bool {
		var s struct {
			statusOf
			Service struct{ Name, Version string }
		}
		r := get(t, server.URL+"/api/v1/status")
		if err := json.Unmarshal([]byte(r.body), &s); err != nil || r.code != 200 {
			t.Fatalf("%d %v: %s", r.code, err, r.body)
		}
		return s.Queue.Messages == 4 && s.Service.Name == "theirs" && s.Service.Version == "7" && len(s.Checks) == 1
	})
	search := func(text string) string {
		t.Helper()
		r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, server.URL+"/api/v1/messages", strings.NewReader(fmt.Sprintf(`{"query":%q}`, text)))
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Content-Type", "application/json")
		return do(t, r).body
	}
	for _, text := range []string{"Q1", "bob@TWO.example", "<Q1@one.example>", tel.Forms("bob@two.example")[0]} {
		if got := search(text); !strings.Contains(got, `"queue_id":"Q1"`) || strings.Contains(got, "TooEarly") {
			t.Errorf("%s finds %s", text, got)
		}
	}
	stream, err := http.Get(server.URL + "/api/v1/stream")
	if err != nil {
		t.Fatal(err)
	}
	defer stream.Body.Close()
	events(t, stream.Body, 4)
	if err := page.Attach(t.Context(), tel, reader); err == nil || !strings.Contains(err.Error(), "live: this Handler is in use") {
		t.Errorf("twice: %v", err)
	}
	if err := lp.Shutdown(t.Context()); err != nil {
		t.Error(err)
	}
	if _, err := io.ReadAll(stream.Body); err != nil {
		t.Errorf("the end of the stream: %v", err)
	}
	if err := tel.Shutdown(context.Background()); err != nil {
		t.Error(err)
	}
	// What was kept is there for the next process.
	again := live.NewHandler(live.Keep(dir, time.Hour))
	if _, err := launch(t, otelmail.WithExporter(again)); err != nil {
		t.Fatal(err)
	}
	server.Config.Handler = again
	if got := search("Q1"); !strings.Contains(got, `"queue_id":"Q1"`) {
		t.Errorf("the next process finds %s", got)
	}
}

func TestAttachRefuses(t *testing.T) {
	reader, err := otelmail.NewReader()
	if err != nil {
		t.Fatal(err)
	}
	for name, tc := range map[string]struct {
		page   *live.Handler
		tel    *otelmail.Telemetry
		reader *otelmail.Reader
		want   string
	}{
		"no telemetry":  {live.NewHandler(), nil, reader, `live: tel: "nil" is not allowed: want a Telemetry of otelmail.New`},
		"no reader":     {live.NewHandler(), otelmail.Noop(), nil, `live: reader: "nil" is not allowed: want one of otelmail.NewReader that the MeterProvider has`},
		"the option":    {live.NewHandler(live.WithMaxViewers(0)), otelmail.Noop(), reader, "live: WithMaxViewers: "},
		"no provider":   {live.NewHandler(), otelmail.Noop(), reader, "live: read the series: "},
		"too many look": {live.NewHandler(live.WithMaxViewers(1001)), nil, reader, `WithMaxViewers: "1001" is not allowed: want a whole number from 1 to 1000`},
	} {
		if err := tc.page.Attach(t.Context(), tc.tel, tc.reader); err == nil || !strings.Contains(err.Error(), tc.want) {
			t.Errorf("%s: %v, want %s", name, err, tc.want)
		}
	}
}
