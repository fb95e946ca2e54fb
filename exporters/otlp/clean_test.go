package otlp_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"unicode/utf8"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/log"
	"go.opentelemetry.io/otel/trace"
	commonpb "go.opentelemetry.io/proto/otlp/common/v1"
	tracepb "go.opentelemetry.io/proto/otlp/trace/v1"

	"github.com/rusmes/otelmail/exporters/otlp"
)

const bad = "caf\xe9 \xff\xfe"

// foreign are attributes with what a stranger's mail could contain.
func foreign() []attribute.KeyValue {
	huge := strings.Repeat("é", 512<<10) // 1 MiB
	deep := attribute.StringValue(bad)
	for range 50 {
		deep = attribute.SliceValue(deep)
	}
	return []attribute.KeyValue{
		attribute.String("bad", bad),
		attribute.String("bad key\xff", "v"),
		attribute.String("huge", huge),
		attribute.StringSlice("list", []string{"fine", bad, huge}),
		attribute.Int64Slice("numbers", make([]int64, 1<<20)),
		{Key: "bytes", Value: attribute.ByteSliceValue(make([]byte, 1<<20))},
		{Key: "map", Value: attribute.MapValue(attribute.String("k\xff", bad), attribute.String("h", huge))},
		{Key: "deep", Value: deep},
		attribute.Int("int", 42),
		attribute.Bool("bool", true),
		attribute.Float64("float", 1.5),
	}
}

func TestForeignTextInSpans(t *testing.T) {
	for _, protocol := range []string{"HTTP", "gRPC"} {
		t.Run(protocol, func(t *testing.T) {
			noLeak(t)
			r := newReceiver(t, nil)
			tel, _ := start(t, env(), push(append(only("traces"), protocols(r)[protocol]...)...))
			tracer := tel.TracerProvider().Tracer("test")
			emitSpans(tel, "good before", 3, attribute.String("k", "v"))
			_, other := tracer.Start(context.Background(), "other")
			_, span := tracer.Start(context.Background(), "name "+bad, trace.WithLinks(trace.Link{
				SpanContext: other.SpanContext(), Attributes: []attribute.KeyValue{attribute.String("link", bad)},
			}))
			span.SetAttributes(foreign()...)
			span.AddEvent("event "+bad, trace.WithAttributes(foreign()...))
			span.SetStatus(codes.Error, "status "+bad)
			span.End()
			other.End()
			// Five values of 1 MiB, each in a span of its own.
			for i := range 5 {
				emitSpans(tel, "huge", 1, attribute.String("v", strings.Repeat(fmt.Sprint(i), 1<<20)))
			}
			emitSpans(tel, "good after", 3)
			if err := shutdown(tel, patience); err != nil {
				t.Fatalf("Shutdown: %v", err)
			}
			names := r.spanNames()
			if names["good before"] != 3 || names["good after"] != 3 || names["huge"] != 5 || len(r.spans) != 13 {
				t.Errorf("arrived: %v", names)
			}
			dirty := find(t, r.spans, "name caf\uFFFD \uFFFD")
			attrs := byKey(dirty.GetAttributes())
			if got := attrs["bad"].GetStringValue(); got != "caf\uFFFD \uFFFD" {
				t.Errorf("bad is %q", got)
			}
			if got := attrs["huge"].GetStringValue(); len(got) != 4096 || strings.Trim(got, "é") != "" {
				t.Errorf("huge has %d bytes", len(got))
			}
			if attrs["int"].GetIntValue() != 42 || !attrs["bool"].GetBoolValue() || attrs["float"].GetDoubleValue() != 1.5 {
				t.Errorf("plain values were changed: %v", attrs)
			}
			if got := attrs["list"].GetArrayValue().GetValues(); len(got) != 3 || got[0].GetStringValue() != "fine" {
				t.Errorf("list has %d values", len(got))
			}
			if len(attrs["bytes"].GetBytesValue()) != 4096 || attrs["map"].GetKvlistValue() == nil {
				t.Errorf("bytes or map misshapen")
			}
			if got := dirty.GetStatus().GetMessage(); got != "status caf\uFFFD \uFFFD" {
				t.Errorf("status is %q", got)
			}
			if got := dirty.GetEvents()[0]; got.GetName() != "event caf\uFFFD \uFFFD" || len(got.GetAttributes()) < 5 {
				t.Errorf("event is %q with %d attributes", got.GetName(), len(got.GetAttributes()))
			}
			if got := byKey(dirty.GetLinks()[0].GetAttributes())["link"].GetStringValue(); got != "caf\uFFFD \uFFFD" {
				t.Errorf("link is %q", got)
			}
		})
	}
}

// A batch of spans that are each within bounds can still be too large for one request, and
// must arrive in several.
func TestLargeBatchIsSplit(t *testing.T) {
	noLeak(t)
	r := newReceiver(t, nil)
	tel, _ := start(t, env(), push(otlp.Endpoint(r.httpURL()), otlp.Metrics(otlp.Off())))
	var attrs []attribute.KeyValue
	for i := range 40 {
		attrs = append(attrs, attribute.String(fmt.Sprint("key", i), strings.Repeat("x", 4000)))
	}
	emitSpans(tel, "large", 100, attrs...)
	emitLogs(tel, "large", 100, attrs...)
	if err := shutdown(tel, patience); err != nil {
		t.Fatalf("Shutdown: %v", err)
	}
	spans, records, _ := r.counts()
	if spans != 100 || records != 100 {
		t.Errorf("%d spans and %d records arrived, want 100 each", spans, records)
	}
	if len(r.paths) < 10 {
		t.Errorf("%d requests for 32 MB", len(r.paths))
	}
}

func TestMoreThanASpanMayHold(t *testing.T) {
	noLeak(t)
	r := newReceiver(t, nil)
	tel, _ := start(t, env(), push(append(only("traces"), otlp.Endpoint(r.httpURL()))...))
	var attrs []attribute.KeyValue
	for i := range 120 {
		attrs = append(attrs, attribute.String(fmt.Sprint("key", i), strings.Repeat("x", 4000)))
	}
	_, span := tel.TracerProvider().Tracer("test").Start(context.Background(), "full")
	span.SetAttributes(attrs...)
	for range 100 {
		span.AddEvent("event", trace.WithAttributes(attrs...))
	}
	span.End()
	if err := shutdown(tel, patience); err != nil {
		t.Fatalf("Shutdown: %v", err)
	}
	s := find(t, r.spans, "full")
	if kept, dropped := len(s.GetAttributes()), int(s.GetDroppedAttributesCount()); kept+dropped != 120 || kept < 50 || dropped == 0 {
		t.Errorf("%d attributes kept, %d said to be dropped, want 120 in all", kept, dropped)
	}
	if kept, dropped := len(s.GetEvents()), int(s.GetDroppedEventsCount()); kept+dropped != 100 || dropped == 0 {
		t.Errorf("%d events kept, %d said to be dropped, want 100 in all", kept, dropped)
	}
}

func TestForeignTextInLogs(t *testing.T) {
	noLeak(t)
	r := newReceiver(t, nil)
	tel, _ := start(t, env(), push(append(only("logs"), otlp.Endpoint(r.httpURL()))...))
	emitLogs(tel, "good", 3)
	var record log.Record
	record.SetBody(attribute.StringValue("body " + bad))
	record.SetSeverityText("severity " + bad)
	record.SetEventName("event " + bad)
	record.AddAttributes(foreign()...)
	tel.LoggerProvider().Logger("test").Emit(context.Background(), record)
	emitLogs(tel, strings.Repeat("y", 1<<20), 5)
	if err := shutdown(tel, patience); err != nil {
		t.Fatalf("Shutdown: %v", err)
	}
	if len(r.records) != 9 {
		t.Fatalf("%d records arrived, want 9", len(r.records))
	}
	got := r.records[3]
	const clean = "caf\uFFFD \uFFFD"
	if got.GetBody().GetStringValue() != "body "+clean || got.GetSeverityText() != "severity "+clean || got.GetEventName() != "event "+clean {
		t.Errorf("record: %q %q %q", got.GetBody().GetStringValue(), got.GetSeverityText(), got.GetEventName())
	}
	attrs := byKey(got.GetAttributes())
	if attrs["bad"].GetStringValue() != clean || attrs["int"].GetIntValue() != 42 || len(attrs["huge"].GetStringValue()) != 4096 {
		t.Errorf("attributes: %.500v", attrs)
	}
	if n := len(r.records[4].GetBody().GetStringValue()); n != 4096 {
		t.Errorf("a body of 1 MiB arrived with %d bytes", n)
	}
}

func find(t *testing.T, spans []*tracepb.Span, name string) *tracepb.Span {
	t.Helper()
	for _, s := range spans {
		if s.GetName() == name {
			return s
		}
	}
	t.Fatalf("no span %q", name)
	return nil
}

func byKey(attrs []*commonpb.KeyValue) map[string]*commonpb.AnyValue {
	m := map[string]*commonpb.AnyValue{}
	for _, kv := range attrs {
		if !utf8.ValidString(kv.GetKey()) {
			continue
		}
		m[kv.GetKey()] = kv.GetValue()
	}
	return m
}
