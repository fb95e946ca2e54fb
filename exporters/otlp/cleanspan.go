package otlp

import (
	"go.opentelemetry.io/otel/attribute"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
)

// perSpan is about what ids and times take, in bytes; the same for an event, a
// link or a log record.
const perSpan = 128

func weighSpan(s *sdktrace.ReadOnlySpan) int {
	w := scaleSpan(*s)
	return w.size
}

// scaleSpan weighs what a caller could fill with foreign text. Resource and
// scope are the program's own; a trace state is checked where it is parsed.
func scaleSpan(s sdktrace.ReadOnlySpan) scale {
	w := scale{size: perSpan}
	w.text(s.Name())
	w.text(s.Status().Description)
	w.attributes(s.Attributes())
	for _, e := range s.Events() {
		w.size += perSpan
		w.text(e.Name)
		w.attributes(e.Attributes)
	}
	for _, l := range s.Links() {
		w.size += perSpan
		w.attributes(l.Attributes)
	}
	return w
}

// cleanSpan returns s itself if it is fit to be sent, else a clean copy.
func cleanSpan(s sdktrace.ReadOnlySpan) sdktrace.ReadOnlySpan {
	if w := scaleSpan(s); !w.dirty() {
		return s
	}
	c := cleaner{left: maxItem - perSpan}
	out := &cleanedSpan{ReadOnlySpan: s, name: c.text(s.Name()), status: s.Status()}
	out.status.Description = c.text(out.status.Description)
	out.attributes, out.droppedAttributes = c.attributes(s.Attributes())
	for _, e := range s.Events() {
		if c.left <= perSpan {
			out.droppedEvents++
			continue
		}
		c.left -= perSpan
		var dropped int
		e.Name = c.text(e.Name)
		e.Attributes, dropped = c.attributes(e.Attributes)
		e.DroppedAttributeCount += dropped
		out.events = append(out.events, e)
	}
	for _, l := range s.Links() {
		if c.left <= perSpan {
			out.droppedLinks++
			continue
		}
		c.left -= perSpan
		var dropped int
		l.Attributes, dropped = c.attributes(l.Attributes)
		l.DroppedAttributeCount += dropped
		out.links = append(out.links, l)
	}
	return out
}

// cleanedSpan is a span with some of its answers replaced.
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
