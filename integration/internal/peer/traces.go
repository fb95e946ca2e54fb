package peer

import (
	"bytes"
	"slices"
	"time"
)

// Span is a finished span as the Collector received it.
type Span struct {
	TraceID       string // 32 hexadecimal digits
	SpanID        string // 16 hexadecimal digits
	ParentID      string // 16 hexadecimal digits, empty for a root
	TraceState    string
	Name          string
	Kind          string // unspecified, internal, server, client, producer or consumer
	Start, End    time.Time
	Attributes    map[string]any
	Status        string // unset, ok or error
	StatusMessage string
	Events        []Event
	Links         []Link
	Scope         Scope
	Resource      map[string]any
	SchemaURL     string // of the resource
}

// Event is something that happened during a span.
type Event struct {
	Name       string
	Time       time.Time
	Attributes map[string]any
}

// Link connects a span to one of another trace, or to another one of its own.
type Link struct {
	TraceID    string // 32 hexadecimal digits
	SpanID     string // 16 hexadecimal digits
	TraceState string
	Attributes map[string]any
}

type wireTraces struct {
	ResourceSpans []struct {
		Resource   wireResource
		SchemaURL  string
		ScopeSpans []struct {
			Scope     wireScope
			SchemaURL string
			Spans     []wireSpan
		}
	}
}

type wireSpan struct {
	TraceID      string
	SpanID       string
	ParentSpanID string
	TraceState   string
	Name         string
	Kind         int
	Start        int64 `json:"startTimeUnixNano,string"`
	End          int64 `json:"endTimeUnixNano,string"`
	Attributes   wireAttributes
	Status       struct {
		Code    int
		Message string
	}
	Events []struct {
		Name       string
		Time       int64 `json:"timeUnixNano,string"`
		Attributes wireAttributes
	}
	Links []struct {
		TraceID, SpanID, TraceState string
		Attributes                  wireAttributes
	}
}

// Traces returns every span received so far, in the order of arrival.
func (c *Collector) Traces() []Span {
	c.t.Helper()
	return slices.Concat(c.TraceRequests()...)
}

// TraceRequests returns the spans received so far, grouped by request.
func (c *Collector) TraceRequests() [][]Span {
	c.t.Helper()
	var requests [][]Span
	for _, batch := range readBatches[wireTraces](c, traces, tracesMarker) {
		requests = append(requests, batch.flatten())
	}
	return requests
}

// NewTraces returns the spans received since it was called last. The Collector must not
// have been killed.
func (c *Collector) NewTraces() []Span {
	c.t.Helper()
	content := c.content(traces, c.seen)
	content = content[:bytes.LastIndexByte(content, '\n')+1]
	c.seen += int64(len(content))
	batches, err := decodeBatches[wireTraces](content, tracesMarker, false)
	if err != nil {
		c.t.Fatalf("reading the collector's %s: %v", traces, err)
	}
	var spans []Span
	for _, batch := range batches {
		spans = append(spans, batch.flatten()...)
	}
	return spans
}

const tracesMarker = `{"resourceSpans":[`

func (batch wireTraces) flatten() []Span {
	var spans []Span
	for _, resource := range batch.ResourceSpans {
		attributes := resource.Resource.Attributes.asMap()
		for _, scope := range resource.ScopeSpans {
			for _, wire := range scope.Spans {
				span := wire.flatten()
				span.Scope, span.Resource, span.SchemaURL = scope.Scope.of(scope.SchemaURL), attributes, resource.SchemaURL
				spans = append(spans, span)
			}
		}
	}
	return spans
}

func (wire wireSpan) flatten() Span {
	span := Span{
		TraceID: wire.TraceID, SpanID: wire.SpanID, ParentID: wire.ParentSpanID, TraceState: wire.TraceState,
		Name:  wire.Name,
		Kind:  label([]string{"unspecified", "internal", "server", "client", "producer", "consumer"}, wire.Kind),
		Start: instant(wire.Start), End: instant(wire.End),
		Attributes:    wire.Attributes.asMap(),
		Status:        label([]string{"unset", "ok", "error"}, wire.Status.Code),
		StatusMessage: wire.Status.Message,
	}
	for _, event := range wire.Events {
		span.Events = append(span.Events, Event{Name: event.Name, Time: instant(event.Time), Attributes: event.Attributes.asMap()})
	}
	for _, link := range wire.Links {
		span.Links = append(span.Links, Link{
			TraceID: link.TraceID, SpanID: link.SpanID, TraceState: link.TraceState, Attributes: link.Attributes.asMap(),
		})
	}
	return span
}
