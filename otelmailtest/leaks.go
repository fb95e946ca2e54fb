package otelmailtest

import (
	"fmt"
	"slices"
	"strings"

	"go.opentelemetry.io/otel/attribute"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
)

// leastLocal is how long the local part of an address for Leaks has to be: a shorter one stands
// in a hash by chance.
const leastLocal = 5

// Leaks fails the test where one of the addresses, or its local part alone, stands in anything
// that leaves the process: the resource, spans, log records and mail events with all their parts,
// metrics with their exemplars, the page of /metrics, and what the error handler was told. It
// finds them in capitals, percent-encoded, quoted, escaped and in base64, too. What was recorded
// before a mark counts as well; the local log does not leave.
//
// An address such as canary@example.org, which the test has sent to the server, should have a
// local part that stands nowhere else, of 5 characters at least. Leaks does not wait: assert
// first that what the server does has been recorded, by [Recorder.Tree] for example.
func (r *Recorder) Leaks(addresses ...string) {
	r.t.Helper()
	settle()
	texts := r.leaving()
	for _, address := range addresses {
		local := address
		if at := strings.LastIndexByte(address, '@'); at >= 0 {
			local = address[:at]
		}
		local = plainly(local)
		if len(local) < leastLocal {
			r.t.Errorf("otelmailtest: Leaks: %q: its local part stands in a hash by chance: want one of %d characters or more", address, leastLocal)
			continue
		}
		var found []string
		for _, text := range texts {
			if spells(text.said, local) {
				found = append(found, fmt.Sprintf("%s: %q", text.place, text.said))
			}
		}
		if len(found) > 0 {
			r.t.Errorf("%q leaves the process:%s", address, under(slices.Compact(found)))
		}
	}
}

// leaving is a text that leaves the process, and where.
type leaving struct{ place, said string }

// leaving has everything that leaves.
func (r *Recorder) leaving() (all []leaving) {
	r.t.Helper()
	add := func(place string, said ...string) {
		for _, s := range said {
			all = append(all, leaving{place, s})
		}
	}
	attrs := func(place string, attrs []attribute.KeyValue) {
		for _, kv := range attrs {
			add(place+", name of an attribute", string(kv.Key))
			add(place+fmt.Sprintf(", attribute %q", string(kv.Key)), kv.Value.String())
		}
	}
	attrs("resource", r.resource.Attributes())
	for _, s := range r.spans.since(0) {
		place := fmt.Sprintf("span %q", s.Name())
		add("name of a span", s.Name())
		add(place+", status", s.Status().Description)
		add(place+", tracestate", s.SpanContext().TraceState().String())
		attrs(place, s.Attributes())
		spanParts(s, place, add, attrs)
	}
	for _, record := range r.records.since(0) {
		place := Record{record, r.t}.String()
		add("name of an event", record.EventName())
		add(place+", body", record.Body().String())
		add(place+", level", record.SeverityText())
		attrs(place, attributesOf(&record))
	}
	metrics := r.collect()
	for _, scope := range metrics.ScopeMetrics {
		for _, m := range scope.Metrics {
			add("name of a series", m.Name)
			add(m.Name+", help", m.Description)
			add(m.Name+", unit", m.Unit)
			pointAttributes(m, attrs)
		}
	}
	for line := range strings.Lines(r.page()) {
		add("/metrics", strings.TrimSuffix(line, "\n"))
	}
	for _, err := range r.errors.list() {
		add("error handler", err.Error())
	}
	return all
}

// spanParts adds what is in the events and links of a span, and its scope.
func spanParts(s sdktrace.ReadOnlySpan, place string, add func(string, ...string), attrs func(string, []attribute.KeyValue)) {
	for _, e := range s.Events() {
		add(place+", event", e.Name)
		attrs(place+fmt.Sprintf(", event %q", e.Name), e.Attributes)
	}
	for _, l := range s.Links() {
		add(place+", tracestate of a link", l.SpanContext.TraceState().String())
		attrs(place+", link", l.Attributes)
	}
	scope := s.InstrumentationScope()
	add(place+", scope", scope.Name, scope.Version)
	attrs(place+", scope", scope.Attributes.ToSlice())
}
