package demo

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"go.opentelemetry.io/otel/sdk/trace/tracetest"
)

func TestANamedSpoolKeepsTheQueueOverARestart(t *testing.T) {
	c := quick()
	c.Spool = t.TempDir()
	c.backoff = []time.Duration{time.Hour}
	spans, record := recorded()
	first := begin(t, c, record)
	if err := first.traffic.sendNeverTaken(t.Context(), 1); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the first attempt", func() bool { return named(spans, "deliver smtp") == 1 })
	trace := spans.GetSpans()[0].SpanContext.TraceID()
	stop(t, first)

	it := spooled(t, c.Spool)
	if it.Rounds != 1 || it.Telemetry.Attempts["slow.example"] != 1 || !it.Processed || it.Sender != "demo@example.org" || len(it.Recipients) != 1 ||
		time.Until(it.Next) < 50*time.Minute || it.Telemetry.Trace.SpanContext().TraceID() != trace {
		t.Errorf("in the spool: %+v", it)
	}
	// Crashes leave these.
	leftover(t, c.Spool, "half.eml")
	leftover(t, c.Spool, "half.json.part")

	// An hour later: the last attempt fails, and the sender hears of it.
	it.Next = time.Now()
	if err := (&spool{dir: c.Spool}).update(it); err != nil {
		t.Fatal(err)
	}
	again, record := recorded()
	second := begin(t, c, record)
	idle(t, second)
	compare(t, second, counts{retries: 1, bounced: 1, delivered: 1, processed: 0, received: 0, messages: 1})
	continued := again.GetSpans()
	stop(t, second)
	if len(continued) == 0 {
		t.Error("no spans after the restart")
	}
	for _, s := range continued {
		if s.SpanContext.TraceID() != trace {
			t.Errorf("%s is not in the trace of before the restart", s.Name)
		}
	}
	if left := files(t, c.Spool); len(left) > 0 {
		t.Errorf("left in the spool: %v", left)
	}
}

func TestQueueSizeIsExactAfterARestart(t *testing.T) {
	c := quick()
	c.Spool = t.TempDir()
	c.backoff = []time.Duration{time.Hour}
	for run := range 3 {
		d := begin(t, c)
		if got := value(t, d, queueSize); got != int64(run) {
			t.Errorf("run %d begins with %d in the queue", run+1, got)
		}
		if err := d.traffic.sendNeverTaken(t.Context(), run); err != nil {
			t.Fatal(err)
		}
		stop(t, d)
		if got := value(t, d, queueSize); got != int64(run+1) {
			t.Errorf("run %d ends with %d in the queue", run+1, got)
		}
	}
}

// spooled reads the one item of a spool.
func spooled(t *testing.T, dir string) *item {
	t.Helper()
	var items []*item
	for _, name := range files(t, dir) {
		if !strings.HasSuffix(name, ".json") {
			continue
		}
		text, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		it := &item{}
		if err := json.Unmarshal(text, it); err != nil {
			t.Fatal(err)
		}
		items = append(items, it)
	}
	if len(items) != 1 {
		t.Fatalf("%d items in the spool, want 1", len(items))
	}
	return items[0]
}

func leftover(t *testing.T, dir, name string) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(dir, name), []byte("half"), 0o600); err != nil {
		t.Fatal(err)
	}
}

func named(spans *tracetest.InMemoryExporter, name string) int {
	n := 0
	for _, s := range spans.GetSpans() {
		if s.Name == name {
			n++
		}
	}
	return n
}
