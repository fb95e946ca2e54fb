package otelmailtest

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"

	"go.opentelemetry.io/otel/attribute"
	sdklog "go.opentelemetry.io/otel/sdk/log"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"

	"github.com/rusmes/otelmail"
	"github.com/rusmes/otelmail/exporters/prometheus"
)

// recorded is a Recorder as a source.
type recorded Recorder

func (r *recorded) namespace() string { return r.Tel.Reader().Namespace() }

func (r *recorded) all() ([]sdktrace.ReadOnlySpan, []sdklog.Record) {
	return r.spans.list(), r.records.list()
}

// collect reads all metrics.
func (r *recorded) collect() metricdata.ResourceMetrics {
	r.t.Helper()
	var all metricdata.ResourceMetrics
	if err := r.Tel.Reader().Collect(context.Background(), &all); err != nil {
		r.t.Errorf("otelmailtest: %v", err)
	}
	return all
}

// samples reads the series of the catalogue.
func (r *recorded) samples() (all []sample) {
	r.t.Helper()
	for _, scope := range r.collect().ScopeMetrics {
		if scope.Scope.Name != otelmail.ScopeName {
			continue
		}
		for _, m := range scope.Metrics {
			all = append(all, samplesOf(m)...)
		}
	}
	return all
}

// leaving has everything that leaves.
func (r *recorded) leaving() (all []leaving) {
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
	for _, s := range r.spans.list() {
		place := fmt.Sprintf("span %q", s.Name())
		add("name of a span", s.Name())
		add(place+", status", s.Status().Description)
		add(place+", tracestate", s.SpanContext().TraceState().String())
		attrs(place, s.Attributes())
		spanParts(s, place, add, attrs)
	}
	for _, record := range r.records.list() {
		place := Record{&record, r.t}.String()
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

// page is /metrics as Prometheus asks for it, exemplars included.
func (r *recorded) page() string {
	r.t.Helper()
	handler, err := prometheus.NewHandler(r.Tel.Reader())
	if err != nil {
		r.t.Errorf("otelmailtest: %v", err)
		return ""
	}
	request := httptest.NewRequest(http.MethodGet, "/metrics", nil)
	request.Header.Set("Accept", "application/openmetrics-text;version=1.0.0")
	answer := httptest.NewRecorder()
	handler.ServeHTTP(answer, request)
	if answer.Code != http.StatusOK {
		r.t.Errorf("otelmailtest: /metrics answers %d: %s", answer.Code, answer.Body)
	}
	return answer.Body.String()
}
