package otlp

import (
	"go.opentelemetry.io/otel/attribute"
	sdklog "go.opentelemetry.io/otel/sdk/log"
)

func weighRecord(r *sdklog.Record) int {
	w := scaleRecord(r)
	return w.size
}

func scaleRecord(r *sdklog.Record) scale {
	w := scale{size: perSpan}
	w.text(r.EventName())
	w.text(r.SeverityText())
	w.value(r.Body(), 0)
	r.WalkAttributes(func(kv attribute.KeyValue) bool {
		w.text(string(kv.Key))
		w.value(kv.Value, 0)
		return true
	})
	return w
}

// cleanRecord makes r fit to be sent. Processors after ours see it clean too.
func cleanRecord(r *sdklog.Record) {
	if w := scaleRecord(r); !w.dirty() {
		return
	}
	c := cleaner{left: maxItem - perSpan}
	r.SetEventName(c.text(r.EventName()))
	r.SetSeverityText(c.text(r.SeverityText()))
	r.SetBody(c.value(r.Body(), 0))
	var attrs []attribute.KeyValue
	r.WalkAttributes(func(kv attribute.KeyValue) bool {
		attrs = append(attrs, kv)
		return true
	})
	attrs, _ = c.attributes(attrs) // the SDK lets nobody raise its count of dropped ones
	r.SetAttributes(attrs...)
}
