package settings

import "math"

// The limits of spans and log records. The OpenTelemetry SDK reads them itself,
// from the process's environment; its defaults stand here for the page.
var (
	_ = limit("OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT", "128", "Attributes of a span; wins over the limit for all")
	_ = limit("OTEL_SPAN_ATTRIBUTE_VALUE_LENGTH_LIMIT", unlimited, "Characters of a span's text value; wins over the limit for all")
	_ = limit("OTEL_SPAN_EVENT_COUNT_LIMIT", "128", "Events of a span")
	_ = limit("OTEL_SPAN_LINK_COUNT_LIMIT", "128", "Links of a span")
	_ = limit("OTEL_EVENT_ATTRIBUTE_COUNT_LIMIT", "128", "Attributes of an event of a span")
	_ = limit("OTEL_LINK_ATTRIBUTE_COUNT_LIMIT", "128", "Attributes of a link of a span")
	_ = limit("OTEL_ATTRIBUTE_COUNT_LIMIT", "128", "Attributes of a span, where the limit for spans is not set")
	_ = limit("OTEL_ATTRIBUTE_VALUE_LENGTH_LIMIT", unlimited, "Characters of a span's text value, where the limit for spans is not set")
	_ = limit("OTEL_LOGRECORD_ATTRIBUTE_COUNT_LIMIT", "128", "Attributes of a log record")
	_ = limit("OTEL_LOGRECORD_ATTRIBUTE_VALUE_LENGTH_LIMIT", unlimited, "Characters of a log record's text value")
)

const unlimited = "-1"

func limit(name, def, meaning string) *Setting {
	return define(Setting{
		Section: Limits, Names: []string{name},
		Kind: Number, Low: -1, High: math.MaxInt32, Default: def,
		Meaning: meaning,
	})
}
