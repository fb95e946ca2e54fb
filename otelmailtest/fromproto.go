package otelmailtest

import (
	"context"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/log"
	"go.opentelemetry.io/otel/sdk/instrumentation"
	"go.opentelemetry.io/otel/sdk/resource"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
	"go.opentelemetry.io/otel/trace"
	commonpb "go.opentelemetry.io/proto/otlp/common/v1"
	logspb "go.opentelemetry.io/proto/otlp/logs/v1"
	resourcepb "go.opentelemetry.io/proto/otlp/resource/v1"
	tracepb "go.opentelemetry.io/proto/otlp/trace/v1"
)

// toSpan is a span as the SDK has it.
func toSpan(s *tracepb.Span, from *resourcepb.Resource, scope *commonpb.InstrumentationScope) sdktrace.ReadOnlySpan {
	stub := tracetest.SpanStub{
		Name:                 s.GetName(),
		SpanContext:          toContext(s.GetTraceId(), s.GetSpanId(), s.GetTraceState(), s.GetFlags()),
		SpanKind:             trace.SpanKind(s.GetKind()), // numbered alike
		StartTime:            toTime(s.GetStartTimeUnixNano()),
		EndTime:              toTime(s.GetEndTimeUnixNano()),
		Attributes:           toAttributes(s.GetAttributes()),
		DroppedAttributes:    int(s.GetDroppedAttributesCount()),
		DroppedEvents:        int(s.GetDroppedEventsCount()),
		DroppedLinks:         int(s.GetDroppedLinksCount()),
		Resource:             resource.NewSchemaless(toAttributes(from.GetAttributes())...),
		InstrumentationScope: toScope(scope),
	}
	if len(s.GetParentSpanId()) > 0 {
		stub.Parent = toContext(s.GetTraceId(), s.GetParentSpanId(), "", 0)
	}
	switch s.GetStatus().GetCode() {
	case tracepb.Status_STATUS_CODE_ERROR:
		stub.Status = sdktrace.Status{Code: codes.Error, Description: s.GetStatus().GetMessage()}
	case tracepb.Status_STATUS_CODE_OK:
		stub.Status = sdktrace.Status{Code: codes.Ok}
	}
	for _, e := range s.GetEvents() {
		stub.Events = append(stub.Events, sdktrace.Event{Name: e.GetName(), Time: toTime(e.GetTimeUnixNano()),
			Attributes: toAttributes(e.GetAttributes()), DroppedAttributeCount: int(e.GetDroppedAttributesCount())})
	}
	for _, l := range s.GetLinks() {
		stub.Links = append(stub.Links, sdktrace.Link{SpanContext: toContext(l.GetTraceId(), l.GetSpanId(), l.GetTraceState(), l.GetFlags()),
			Attributes: toAttributes(l.GetAttributes()), DroppedAttributeCount: int(l.GetDroppedAttributesCount())})
	}
	return stub.Snapshot()
}

// emit has a record emitted as it was by whoever sent it.
func emit(to log.Logger, r *logspb.LogRecord) {
	var record log.Record
	record.SetEventName(r.GetEventName())
	record.SetTimestamp(toTime(r.GetTimeUnixNano()))
	record.SetObservedTimestamp(toTime(r.GetObservedTimeUnixNano()))
	record.SetSeverity(log.Severity(r.GetSeverityNumber())) // numbered alike
	record.SetSeverityText(r.GetSeverityText())
	record.SetBody(toValue(r.GetBody()))
	record.AddAttributes(toAttributes(r.GetAttributes())...)
	within := toContext(r.GetTraceId(), r.GetSpanId(), "", r.GetFlags())
	to.Emit(trace.ContextWithSpanContext(context.Background(), within), record)
}

func toContext(traceID, id []byte, state string, flags uint32) trace.SpanContext {
	c := trace.SpanContextConfig{TraceFlags: trace.TraceFlags(flags)}
	copy(c.TraceID[:], traceID)
	copy(c.SpanID[:], id)
	c.TraceState, _ = trace.ParseTraceState(state) // without it where it is wrong
	return trace.NewSpanContext(c)
}

func toScope(s *commonpb.InstrumentationScope) instrumentation.Scope {
	return instrumentation.Scope{Name: s.GetName(), Version: s.GetVersion(), Attributes: attribute.NewSet(toAttributes(s.GetAttributes())...)}
}

// toTime is a time, and the zero one for 0.
func toTime(unixNano uint64) time.Time {
	if unixNano == 0 {
		return time.Time{}
	}
	return time.Unix(0, int64(unixNano))
}

func toAttributes(all []*commonpb.KeyValue) (attrs []attribute.KeyValue) {
	for _, kv := range all {
		attrs = append(attrs, attribute.KeyValue{Key: attribute.Key(kv.GetKey()), Value: toValue(kv.GetValue())})
	}
	return attrs
}

func toValue(v *commonpb.AnyValue) attribute.Value {
	switch v := v.GetValue().(type) {
	case *commonpb.AnyValue_StringValue:
		return attribute.StringValue(v.StringValue)
	case *commonpb.AnyValue_BoolValue:
		return attribute.BoolValue(v.BoolValue)
	case *commonpb.AnyValue_IntValue:
		return attribute.Int64Value(v.IntValue)
	case *commonpb.AnyValue_DoubleValue:
		return attribute.Float64Value(v.DoubleValue)
	case *commonpb.AnyValue_BytesValue:
		return attribute.ByteSliceValue(v.BytesValue)
	case *commonpb.AnyValue_KvlistValue:
		return attribute.MapValue(toAttributes(v.KvlistValue.GetValues())...)
	case *commonpb.AnyValue_ArrayValue:
		return toSlice(v.ArrayValue.GetValues())
	}
	return attribute.Value{}
}

// toSlice is a slice of strings, as the SDK has it, where all are strings.
func toSlice(all []*commonpb.AnyValue) attribute.Value {
	texts := make([]string, 0, len(all))
	values := make([]attribute.Value, 0, len(all))
	for _, v := range all {
		value := toValue(v)
		values = append(values, value)
		if value.Type() == attribute.STRING {
			texts = append(texts, value.AsString())
		}
	}
	if len(texts) == len(values) {
		return attribute.StringSliceValue(texts)
	}
	return attribute.SliceValue(values...)
}
