package otelmail

import (
	"unicode/utf8"

	"go.opentelemetry.io/otel/attribute"
)

// CleanText returns s in valid UTF-8, without control characters and of at most
// 4 KiB: the door for text that no typed method of this package takes.
func CleanText(s string) string { return clean(s, maxValue) }

// CleanAttributes returns attrs with every key and value in valid UTF-8 and of
// at most 4 KiB: attrs itself when nothing had to be changed. Exporters call it
// for attributes that an application set past this package; a receiver refuses
// a whole batch for one invalid byte.
func CleanAttributes(attrs []attribute.KeyValue) []attribute.KeyValue {
	for i := range attrs {
		if !fitsAttribute(attrs[i]) {
			out := make([]attribute.KeyValue, len(attrs))
			for j, kv := range attrs {
				out[j] = cleanAttribute(kv)
			}
			return out
		}
	}
	return attrs
}

// fits reports whether a receiver takes the text as it is.
func fits(s string) bool { return len(s) <= maxValue && utf8.ValidString(s) }

func fitsAttribute(kv attribute.KeyValue) bool {
	return fits(string(kv.Key)) && fitsValue(kv.Value)
}

func fitsValue(v attribute.Value) bool {
	switch v.Type() {
	case attribute.STRING:
		return fits(v.AsString())
	case attribute.STRINGSLICE:
		return every(v.AsStringSlice(), fits)
	case attribute.BYTESLICE:
		return len(v.AsByteSlice()) <= maxValue
	case attribute.SLICE:
		return every(v.AsSlice(), fitsValue)
	case attribute.MAP:
		return every(v.AsMap(), fitsAttribute)
	}
	return true
}

func every[T any](list []T, ok func(T) bool) bool {
	for _, v := range list {
		if !ok(v) {
			return false
		}
	}
	return true
}

func cleanAttribute(kv attribute.KeyValue) attribute.KeyValue {
	if fitsAttribute(kv) {
		return kv
	}
	return attribute.KeyValue{Key: attribute.Key(clean(string(kv.Key), maxText)), Value: cleanValue(kv.Value)}
}

func cleanValue(v attribute.Value) attribute.Value {
	switch v.Type() {
	case attribute.STRING:
		return attribute.StringValue(clean(v.AsString(), maxValue))
	case attribute.STRINGSLICE:
		return attribute.StringSliceValue(each(v.AsStringSlice(), CleanText))
	case attribute.BYTESLICE:
		b := v.AsByteSlice()
		return attribute.ByteSliceValue(b[:min(len(b), maxValue)])
	case attribute.SLICE:
		return attribute.SliceValue(each(v.AsSlice(), cleanValue)...)
	case attribute.MAP:
		return attribute.MapValue(each(v.AsMap(), cleanAttribute)...)
	}
	return v
}

func each[T any](list []T, change func(T) T) []T {
	out := make([]T, len(list))
	for i, v := range list {
		out[i] = change(v)
	}
	return out
}
