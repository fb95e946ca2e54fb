package otelmailtest

import (
	"fmt"
	"testing"

	sdktrace "go.opentelemetry.io/otel/sdk/trace"
)

// Span is a span that has ended.
type Span struct {
	sdktrace.ReadOnlySpan
	t testing.TB
}

// Has asserts that the span has these attributes, whatever others it has.
func (s Span) Has(want Attributes) {
	s.t.Helper()
	want.has(s.t, fmt.Sprintf("span %q", s.Name()), s.Attributes(), false)
}

// HasOnly asserts that the span has these attributes and no others.
func (s Span) HasOnly(want Attributes) {
	s.t.Helper()
	want.has(s.t, fmt.Sprintf("span %q", s.Name()), s.Attributes(), true)
}

// Spans are the spans of that name that have begun since the mark and have ended, in the
// order in which they began; all for "". It does not wait: assert their [Recorder.Tree] first.
func (r *record) Spans(name string) (all []Span) {
	for _, s := range r.since() {
		if (name == "" || s.Name() == name) && !s.EndTime().IsZero() {
			all = append(all, Span{s, r.t})
		}
	}
	return all
}

// Span waits for the span of that name, and ends the test unless there is exactly one since
// the mark.
func (r *record) Span(name string) Span {
	r.t.Helper()
	var found []Span
	if wrong := await(func() string {
		if found = r.Spans(name); len(found) == 1 {
			return ""
		}
		return fmt.Sprintf("%d spans %q have ended since the mark, want 1; there are:%s", len(found), name, under(r.tree()))
	}); wrong != "" {
		r.t.Fatal(wrong)
	}
	return found[0]
}
