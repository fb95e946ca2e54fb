package settings

import "math"

// The limits of spans and log records.
var (
	SpanAttributes      = limit("128", "Attributes of a span", "OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT", "OTEL_ATTRIBUTE_COUNT_LIMIT")
	SpanAttributeLength = limit(unlimited, "Characters of a span's text value", "OTEL_SPAN_ATTRIBUTE_VALUE_LENGTH_LIMIT", "OTEL_ATTRIBUTE_VALUE_LENGTH_LIMIT")
	SpanEvents          = limit("128", "Events of a span", "OTEL_SPAN_EVENT_COUNT_LIMIT")
	SpanLinks           = limit("128", "Links of a span", "OTEL_SPAN_LINK_COUNT_LIMIT")
	EventAttributes     = limit("128", "Attributes of an event of a span", "OTEL_EVENT_ATTRIBUTE_COUNT_LIMIT")
	LinkAttributes      = limit("128", "Attributes of a link of a span", "OTEL_LINK_ATTRIBUTE_COUNT_LIMIT")
	RecordAttributes    = limit("128", "Attributes of a log record", "OTEL_LOGRECORD_ATTRIBUTE_COUNT_LIMIT")
	RecordLength        = limit(unlimited, "Characters of a log record's text value", "OTEL_LOGRECORD_ATTRIBUTE_VALUE_LENGTH_LIMIT")
)

const unlimited = "-1"

func limit(def, meaning string, names ...string) *Setting {
	return define(Setting{
		Section: Limits, Names: names,
		Kind: Number, Low: -1, High: math.MaxInt32, Default: def,
		Meaning: meaning,
	})
}
