package otlp

import (
	"go.opentelemetry.io/otel/attribute"
	sdklog "go.opentelemetry.io/otel/sdk/log"

	"github.com/rusmes/otelmail/internal/clean"
)

func weighRecord(r *sdklog.Record) int {
	_, item := headOf(r)
	eachAttribute(r, func(kv attribute.KeyValue) { item.Attribute(kv) })
	return item.Weight()
}

// cleanRecord makes r fit to be sent. It changes r, so processors after ours see it
// clean too.
func cleanRecord(r *sdklog.Record) {
	head, item := headOf(r)
	all := item
	eachAttribute(r, func(kv attribute.KeyValue) { all.Attribute(kv) })
	if !all.Changed() {
		return
	}
	r.SetEventName(head.event)
	r.SetSeverityText(head.severity)
	r.SetBody(head.body)
	var attrs []attribute.KeyValue
	eachAttribute(r, func(kv attribute.KeyValue) { attrs = append(attrs, kv) })
	attrs, _ = item.Attributes(attrs) // the SDK's count of dropped ones cannot be raised
	r.SetAttributes(attrs...)
}

// recordHead is what a record holds beside its attributes, fit to be sent.
type recordHead struct {
	event, severity string
	body            attribute.Value
}

func headOf(r *sdklog.Record) (head recordHead, item clean.Item) {
	item.Add(perSpan)
	return recordHead{item.Text(r.EventName()), item.Text(r.SeverityText()), item.Value(r.Body())}, item
}

func eachAttribute(r *sdklog.Record, do func(attribute.KeyValue)) {
	r.WalkAttributes(func(kv attribute.KeyValue) bool {
		do(kv)
		return true
	})
}
