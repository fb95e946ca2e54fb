package otelmailtest

import (
	"context"
	"slices"
	"sync"

	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"
)

// spanStore is a SpanProcessor that keeps the spans in the order in which they began.
type spanStore struct {
	mu    sync.Mutex
	all   []sdktrace.ReadOnlySpan
	place map[spanID]int
}

type spanID struct {
	trace trace.TraceID
	span  trace.SpanID
}

func idOf(c trace.SpanContext) spanID { return spanID{c.TraceID(), c.SpanID()} }

func (s *spanStore) put(span sdktrace.ReadOnlySpan) {
	s.mu.Lock()
	defer s.mu.Unlock()
	id := idOf(span.SpanContext())
	if i, known := s.place[id]; known {
		s.all[i] = span
		return
	}
	if s.place == nil {
		s.place = map[spanID]int{}
	}
	s.place[id] = len(s.all)
	s.all = append(s.all, span)
}

// OnStart implements [sdktrace.SpanProcessor].
func (s *spanStore) OnStart(_ context.Context, span sdktrace.ReadWriteSpan) { s.put(span) }

// OnEnd implements [sdktrace.SpanProcessor].
func (s *spanStore) OnEnd(span sdktrace.ReadOnlySpan) { s.put(span) }

// Shutdown implements [sdktrace.SpanProcessor].
func (s *spanStore) Shutdown(context.Context) error { return nil }

// ForceFlush implements [sdktrace.SpanProcessor].
func (s *spanStore) ForceFlush(context.Context) error { return nil }

func (s *spanStore) list() []sdktrace.ReadOnlySpan {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.all)
}
