package otlp

import (
	"go.opentelemetry.io/otel/attribute"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"

	"github.com/rusmes/otelmail/internal/clean"
)

// perSpan is roughly the size of ids and times, in bytes; it serves for an event, a
// link and a log record too.
const perSpan = 128

func weighSpan(s *sdktrace.ReadOnlySpan) int {
	_, item := cleaned(*s)
	return item.Weight()
}

// cleanSpan returns s itself if it is fit to be sent, else a clean copy.
func cleanSpan(s sdktrace.ReadOnlySpan) sdktrace.ReadOnlySpan {
	clean, item := cleaned(s)
	if !item.Changed() {
		return s
	}
	kept := clean // only this copy is on the heap
	return &kept
}

// cleaned cleans and weighs everything that may hold a stranger's text. Resource and
// scope are clean already; a trace state is checked where it is parsed.
func cleaned(s sdktrace.ReadOnlySpan) (out cleanedSpan, item clean.Item) {
	item.Add(perSpan)
	out = cleanedSpan{ReadOnlySpan: s, name: item.Text(s.Name()), status: s.Status()}
	out.status.Description = item.Text(out.status.Description)
	out.attributes, out.droppedAttributes = item.Attributes(s.Attributes())
	out.events, out.droppedEvents = clean.List(&item, s.Events(), func(e *sdktrace.Event) sdktrace.Event { return cleanEvent(&item, e) })
	out.links, out.droppedLinks = clean.List(&item, s.Links(), func(l *sdktrace.Link) sdktrace.Link { return cleanLink(&item, l) })
	return out, item
}

func cleanEvent(item *clean.Item, e *sdktrace.Event) sdktrace.Event {
	item.Add(perSpan)
	name := item.Text(e.Name)
	attrs, dropped := item.Attributes(e.Attributes)
	return sdktrace.Event{Name: name, Attributes: attrs, DroppedAttributeCount: e.DroppedAttributeCount + dropped, Time: e.Time}
}

func cleanLink(item *clean.Item, l *sdktrace.Link) sdktrace.Link {
	item.Add(perSpan)
	attrs, dropped := item.Attributes(l.Attributes)
	return sdktrace.Link{SpanContext: l.SpanContext, Attributes: attrs, DroppedAttributeCount: l.DroppedAttributeCount + dropped}
}

// cleanedSpan is a span with clean values in place of some of its own.
type cleanedSpan struct {
	sdktrace.ReadOnlySpan

	name       string
	status     sdktrace.Status
	attributes []attribute.KeyValue
	events     []sdktrace.Event
	links      []sdktrace.Link

	droppedAttributes, droppedEvents, droppedLinks int
}

func (s *cleanedSpan) Name() string                     { return s.name }
func (s *cleanedSpan) Status() sdktrace.Status          { return s.status }
func (s *cleanedSpan) Attributes() []attribute.KeyValue { return s.attributes }
func (s *cleanedSpan) Events() []sdktrace.Event         { return s.events }
func (s *cleanedSpan) Links() []sdktrace.Link           { return s.links }

func (s *cleanedSpan) DroppedAttributes() int {
	return s.ReadOnlySpan.DroppedAttributes() + s.droppedAttributes
}
func (s *cleanedSpan) DroppedEvents() int { return s.ReadOnlySpan.DroppedEvents() + s.droppedEvents }
func (s *cleanedSpan) DroppedLinks() int  { return s.ReadOnlySpan.DroppedLinks() + s.droppedLinks }
