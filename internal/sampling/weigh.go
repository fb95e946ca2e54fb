package sampling

import (
	"go.opentelemetry.io/otel/attribute"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
)

// Roughly what is held, in bytes: a trace with nothing in it, a span, and one of its attributes.
const (
	perTrace     = 400
	perSpan      = 900
	perAttribute = 72
)

// weigh is roughly how much memory a span takes. Texts have no bound here: it is an exporter
// that cuts them.
func weigh(s sdktrace.ReadOnlySpan) int64 {
	n := int64(perSpan+len(s.Name())+len(s.Status().Description)) + weighAttributes(s.Attributes())
	for _, e := range s.Events() {
		n += perAttribute + int64(len(e.Name)) + weighAttributes(e.Attributes)
	}
	for _, l := range s.Links() {
		n += 2*perAttribute + weighAttributes(l.Attributes)
	}
	return n
}

func weighAttributes(attrs []attribute.KeyValue) (n int64) {
	for _, kv := range attrs {
		n += perAttribute
		switch kv.Value.Type() {
		case attribute.EMPTY, attribute.BOOL, attribute.INT64, attribute.FLOAT64:
		case attribute.STRING:
			n += int64(len(kv.Value.AsString()))
		default: // a list or a map, which none of ours is
			n += 8 * int64(len(kv.Value.String()))
		}
	}
	return n
}
