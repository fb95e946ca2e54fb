package otelmailtest

import (
	"context"
	"log/slog"
	"strings"
	"sync"
	"testing"

	"go.opentelemetry.io/otel/sdk/resource"

	"github.com/rusmes/otelmail"
	"github.com/rusmes/otelmail/export"
)

// Recorder is a Telemetry and everything that it has recorded. Its methods may be called
// from the test's goroutine alone; the Telemetry from any.
type Recorder struct {
	// Tel is what the server under test is given.
	Tel *otelmail.Telemetry

	record
	resource *resource.Resource
	spans    spanStore
	records  recordStore
	errors   errorStore
}

// New starts a Telemetry that records into memory, and shuts it down at the end of the test.
// It is built by [otelmail.Start], without the environment and without OpenTelemetry's globals;
// opts are added to that, such as [otelmail.WithPrivacy] or a further exporter. The local log
// is shown if the test fails. The test fails for an error in the background, too, unless
// [Recorder.Errors] has asked for it.
func New(t testing.TB, opts ...otelmail.StartOption) *Recorder {
	t.Helper()
	r := &Recorder{}
	r.record = record{t: t, source: (*recorded)(r)}
	log := &lockedText{}
	tel, err := otelmail.Start(context.Background(), append([]otelmail.StartOption{
		otelmail.WithoutGlobals(),
		otelmail.WithLookupEnv(func(string) (string, bool) { return "", false }),
		otelmail.WithErrorHandler(r.errors.add),
		otelmail.WithLogHandler(slog.NewTextHandler(log, nil)),
		otelmail.WithExporter(export.Func(r.open)),
	}, opts...)...)
	if err != nil {
		t.Fatalf("otelmailtest: %v", err)
	}
	r.Tel = tel
	r.Mark()
	t.Cleanup(func() {
		t.Helper()
		if err := tel.Shutdown(context.Background()); err != nil {
			t.Errorf("otelmailtest: shutdown: %v", err)
		}
		for _, err := range r.errors.take() {
			t.Errorf("otelmailtest: an error in the background, which Errors did not ask for: %v", err)
		}
		if said := log.String(); said != "" && t.Failed() {
			t.Logf("the local log:\n%s", said)
		}
	})
	return r
}

// open is the Recorder as an exporter.
func (r *Recorder) open(_ context.Context, p export.Pipeline) error {
	r.resource = p.Resource()
	p.AddSpanProcessor(&r.spans)
	p.AddLogProcessor(&r.records)
	return nil
}

// lockedText is a text that is read while it is written.
type lockedText struct {
	mu   sync.Mutex
	text strings.Builder
}

func (l *lockedText) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

func (l *lockedText) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}
