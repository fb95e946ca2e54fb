// Package counted shows a test all that a Telemetry has counted: series and spans, by
// names that a client who has counted for itself can give them too.
package counted

import (
	"context"
	"fmt"
	"maps"
	"strings"
	"sync"

	"go.opentelemetry.io/otel/attribute"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"

	"github.com/rusmes/otelmail"
	"github.com/rusmes/otelmail/internal/sessions"
)

// Telemetry is a Telemetry that a test looks into.
type Telemetry struct {
	*otelmail.Telemetry

	reader *sdkmetric.ManualReader
	ended  *spans
}

// New returns one that has counted nothing yet.
func New() (*Telemetry, error) {
	t := &Telemetry{reader: sdkmetric.NewManualReader(), ended: &spans{counts: map[string]int64{}}}
	tel, err := otelmail.New(
		otelmail.WithMeterProvider(sdkmetric.NewMeterProvider(sdkmetric.WithReader(t.reader))),
		otelmail.WithTracerProvider(sdktrace.NewTracerProvider(sdktrace.WithSpanProcessor(t.ended))))
	t.Telemetry = tel
	return t, err
}

// Counts are all series, called as on /metrics without their namespace; histograms by their
// _count and _sum, which is whole for those of sizes; and the spans of sessions, and of
// commands that were answered, with the answer behind a blank.
func (t *Telemetry) Counts(ctx context.Context) (map[string]int64, error) {
	var all metricdata.ResourceMetrics
	if err := t.reader.Collect(ctx, &all); err != nil {
		return nil, fmt.Errorf("collect what was counted: %w", err)
	}
	found := t.ended.all()
	for _, scope := range all.ScopeMetrics {
		for _, m := range scope.Metrics {
			switch data := m.Data.(type) {
			case metricdata.Sum[int64]:
				for _, p := range data.DataPoints {
					found[key(m.Name, p.Attributes)] = p.Value
				}
			case metricdata.Gauge[int64]:
				for _, p := range data.DataPoints {
					found[key(m.Name, p.Attributes)] = p.Value
				}
			case metricdata.Histogram[float64]:
				for _, p := range data.DataPoints {
					found[key(m.Name+"_count", p.Attributes)] = int64(p.Count)
					found[key(m.Name+"_sum", p.Attributes)] = int64(p.Sum)
				}
			}
		}
	}
	return found, nil
}

func key(name string, labels attribute.Set) string {
	name = strings.TrimPrefix(name, "rusmes_")
	all := make([]string, 0, labels.Len())
	for _, label := range labels.ToSlice() {
		all = append(all, fmt.Sprintf("%s=%q", label.Key, label.Value.String()))
	}
	if len(all) == 0 {
		return name
	}
	return name + "{" + strings.Join(all, ",") + "}"
}

// spans counts sessions, and commands by their reply.
type spans struct {
	mu     sync.Mutex
	counts map[string]int64
}

func (s *spans) OnStart(context.Context, sdktrace.ReadWriteSpan) {}
func (s *spans) Shutdown(context.Context) error                  { return nil }
func (s *spans) ForceFlush(context.Context) error                { return nil }

func (s *spans) OnEnd(span sdktrace.ReadOnlySpan) {
	attributes := map[string]string{}
	for _, kv := range span.Attributes() {
		attributes[string(kv.Key)] = kv.Value.String()
	}
	if name, counts := sessions.SpanName(span.Name(), attributes); counts {
		s.mu.Lock()
		s.counts[name]++
		s.mu.Unlock()
	}
}

func (s *spans) all() map[string]int64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return maps.Clone(s.counts)
}
