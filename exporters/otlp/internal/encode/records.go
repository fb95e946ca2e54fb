package encode

import (
	"go.opentelemetry.io/otel/attribute"
	sdklog "go.opentelemetry.io/otel/sdk/log"

	"go.opentelemetry.io/otel/sdk/instrumentation"
	"go.opentelemetry.io/otel/sdk/resource"
)

// Records returns an ExportLogsServiceRequest.
func Records(records []sdklog.Record) []byte {
	return grouped(records, func(r *sdklog.Record) (*resource.Resource, instrumentation.Scope) {
		return r.Resource(), r.InstrumentationScope()
	}, record)
}

// lastSeverity is FATAL4: the API's numbers are OTLP's.
const lastSeverity = 24

func record(m *message, r *sdklog.Record) {
	m.time(1, r.Timestamp())
	if n := r.Severity(); n > 0 && n <= lastSeverity {
		m.varint(2, uint64(n))
	}
	m.text(3, r.SeverityText())
	m.value(5, r.Body())
	r.WalkAttributes(func(kv attribute.KeyValue) bool {
		m.attribute(6, kv)
		return true
	})
	m.count(7, r.DroppedAttributes())
	m.fixed32(8, uint32(r.TraceFlags()))
	if id := r.TraceID(); id.IsValid() {
		m.bytes(9, id[:])
	}
	if id := r.SpanID(); id.IsValid() {
		m.bytes(10, id[:])
	}
	m.time(11, r.ObservedTimestamp())
	m.text(12, r.EventName())
}
