package otelmail_test

import (
	"bytes"
	"context"
	"log/slog"
	"strings"
	"sync"
	"testing"

	sdklog "go.opentelemetry.io/otel/sdk/log"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"

	"github.com/rusmes/otelmail"
)

func sdkProvider(r sdkmetric.Reader) *sdkmetric.MeterProvider {
	return sdkmetric.NewMeterProvider(sdkmetric.WithReader(r))
}

// logRecorder keeps what is pushed.
type logRecorder struct {
	mu      sync.Mutex
	records []sdklog.Record
}

func (l *logRecorder) OnEmit(_ context.Context, r *sdklog.Record) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.records = append(l.records, r.Clone())
	return nil
}
func (l *logRecorder) Enabled(context.Context, sdklog.EnabledParameters) bool { return true }
func (l *logRecorder) Shutdown(context.Context) error                         { return nil }
func (l *logRecorder) ForceFlush(context.Context) error                       { return nil }

func TestLogHandler(t *testing.T) {
	var pushed logRecorder
	tel, _ := start(t, otelmail.WithExporter(otelmail.ExporterFunc(func(_ context.Context, p *otelmail.Pipeline) error {
		p.AddLogProcessor(&pushed)
		return nil
	})))
	var local bytes.Buffer
	logger := slog.New(tel.LogHandler(slog.NewTextHandler(&local, &slog.HandlerOptions{Level: slog.LevelWarn})))
	s := tel.SMTP.Session(t.Context(), otelmail.RoleMX, otelmail.Conn{})
	defer s.End(otelmail.CauseNone)
	span := s.Span().SpanContext()
	logger.With("queue", "q1").WithGroup("g").WarnContext(s.Context(), "deferred", "n", 1)
	logger.InfoContext(s.Context(), "accepted")
	logger.Warn("outside of any span")

	lines := strings.Split(strings.TrimSpace(local.String()), "\n")
	if len(lines) != 2 {
		t.Fatalf("%d local lines, want the two warnings:\n%s", len(lines), local.String())
	}
	for _, want := range []string{"deferred", "queue=q1", "g.n=1", "trace_id=" + span.TraceID().String(), "span_id=" + span.SpanID().String()} {
		if !strings.Contains(lines[0], want) {
			t.Errorf("the local line lacks %q: %s", want, lines[0])
		}
	}
	if strings.Contains(lines[1], "trace_id") {
		t.Errorf("a record outside of any span has a trace: %s", lines[1])
	}
	if len(pushed.records) != 3 {
		t.Fatalf("%d records pushed, want 3: the local level is not the push's", len(pushed.records))
	}
	if r := pushed.records[0]; r.TraceID() != span.TraceID() || r.SpanID() != span.SpanID() || r.Body().AsString() != "deferred" {
		t.Errorf("pushed %v with trace %v", r.Body(), r.TraceID())
	}
}
