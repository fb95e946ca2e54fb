package encode

import (
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/sdk/instrumentation"
	"go.opentelemetry.io/otel/sdk/resource"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"
	"google.golang.org/protobuf/encoding/protowire"
)

// Spans returns an ExportTraceServiceRequest.
func Spans(spans []sdktrace.ReadOnlySpan) []byte {
	return grouped(spans, func(s *sdktrace.ReadOnlySpan) (*resource.Resource, instrumentation.Scope) {
		return (*s).Resource(), (*s).InstrumentationScope()
	}, span)
}

// Flags of a span and a link beside those of W3C's trace context (SpanFlags).
const (
	hasIsRemote = 0x100
	isRemote    = 0x200
)

func span(m *message, of *sdktrace.ReadOnlySpan) {
	s := *of
	context, parent := s.SpanContext(), s.Parent()
	m.ids(context, 1, 2)
	m.text(3, context.TraceState().String())
	if id := parent.SpanID(); id.IsValid() {
		m.bytes(4, id[:])
	}
	m.text(5, s.Name())
	m.varint(6, spanKind(s.SpanKind()))
	m.time(7, s.StartTime())
	m.time(8, s.EndTime())
	m.attributes(9, s.Attributes())
	m.count(10, s.DroppedAttributes())
	for _, e := range s.Events() {
		at := m.begin(11)
		m.time(1, e.Time)
		m.text(2, e.Name)
		m.attributes(3, e.Attributes)
		m.count(4, e.DroppedAttributeCount)
		m.end(at)
	}
	m.count(12, s.DroppedEvents())
	for _, l := range s.Links() {
		at := m.begin(13)
		m.ids(l.SpanContext, 1, 2)
		m.attributes(4, l.Attributes)
		m.count(5, l.DroppedAttributeCount)
		m.flags(6, l.SpanContext, l.SpanContext)
		m.end(at)
	}
	m.count(14, s.DroppedLinks())
	at := m.begin(15)
	m.text(2, s.Status().Description)
	m.varint(3, statusCode(s.Status().Code))
	m.end(at)
	m.flags(16, context, parent)
}

// flags writes those of a span, with whether its parent, or what a link leads to, is in
// another process.
func (m *message) flags(field protowire.Number, of, parent trace.SpanContext) {
	flags := uint32(of.TraceFlags()) | hasIsRemote
	if parent.IsRemote() {
		flags |= isRemote
	}
	m.fixed32(field, flags)
}

func (m *message) ids(c trace.SpanContext, trace, span protowire.Number) {
	traceID, spanID := c.TraceID(), c.SpanID()
	m.bytes(trace, traceID[:])
	m.bytes(span, spanID[:])
}

// spanKind is a Span_SpanKind.
func spanKind(kind trace.SpanKind) uint64 {
	switch kind {
	case trace.SpanKindInternal:
		return 1
	case trace.SpanKindServer:
		return 2
	case trace.SpanKindClient:
		return 3
	case trace.SpanKindProducer:
		return 4
	case trace.SpanKindConsumer:
		return 5
	}
	return 0
}

// statusCode is a Status_StatusCode.
func statusCode(code codes.Code) uint64 {
	switch code {
	case codes.Ok:
		return 1
	case codes.Error:
		return 2
	}
	return 0
}
