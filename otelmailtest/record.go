package otelmailtest

import (
	"slices"
	"testing"

	sdklog "go.opentelemetry.io/otel/sdk/log"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
)

// record is what was recorded, or received, and the assertions on it.
type record struct {
	t    testing.TB
	mark mark
	source
}

// source is where a record is kept.
type source interface {
	namespace() string
	all() ([]sdktrace.ReadOnlySpan, []sdklog.Record) // in the order in which they came
	samples() []sample
	leaving() []leaving
}

// mark is from where on movements, spans and records count.
type mark struct {
	series         map[string]float64
	spans, records int
}

// Mark has movements, spans, events and log lines count from now on. At the beginning there is
// a mark, too.
func (r *record) Mark() {
	r.t.Helper()
	spans, records := r.all()
	r.mark = mark{map[string]float64{}, len(spans), len(records)}
	for _, s := range r.samples() {
		r.mark.series[s.String()] = s.value
	}
}

// since are the spans since the mark, in the order in which they began.
func (r *record) since() []sdktrace.ReadOnlySpan {
	all, _ := r.all()
	spans := slices.Clone(all[r.mark.spans:])
	slices.SortStableFunc(spans, func(a, b sdktrace.ReadOnlySpan) int {
		return a.StartTime().Compare(b.StartTime())
	})
	return spans
}
