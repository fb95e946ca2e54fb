package encode

import (
	"math"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/sdk/instrumentation"
	"go.opentelemetry.io/otel/sdk/resource"
	"google.golang.org/protobuf/encoding/protowire"
)

func (m *message) attributes(field protowire.Number, all []attribute.KeyValue) {
	for _, kv := range all {
		m.attribute(field, kv)
	}
}

func (m *message) set(field protowire.Number, all attribute.Iterator) {
	for all.Next() {
		m.attribute(field, all.Attribute())
	}
}

// attribute writes a KeyValue.
func (m *message) attribute(field protowire.Number, kv attribute.KeyValue) {
	at := m.begin(field)
	m.text(1, string(kv.Key))
	m.value(2, kv.Value)
	m.end(at)
}

// The fields of AnyValue.
const (
	stringValue = 1 + iota
	boolValue
	intValue
	doubleValue
	arrayValue
	mapValue
	bytesValue
)

// value writes an AnyValue.
func (m *message) value(field protowire.Number, v attribute.Value) {
	at := m.begin(field)
	defer func() { m.end(at) }()
	switch v.Type() {
	case attribute.EMPTY:
	case attribute.BOOL:
		m.varintAlways(boolValue, protowire.EncodeBool(v.AsBool()))
	case attribute.INT64:
		m.varintAlways(intValue, uint64(v.AsInt64()))
	case attribute.FLOAT64:
		m.fixed64Always(doubleValue, math.Float64bits(v.AsFloat64()))
	case attribute.STRING:
		m.textAlways(stringValue, v.AsString())
	case attribute.BYTESLICE:
		m.bytesAlways(bytesValue, v.AsByteSlice())
	case attribute.BOOLSLICE:
		array(m, v.AsBoolSlice(), attribute.BoolValue)
	case attribute.INT64SLICE:
		array(m, v.AsInt64Slice(), attribute.Int64Value)
	case attribute.FLOAT64SLICE:
		array(m, v.AsFloat64Slice(), attribute.Float64Value)
	case attribute.STRINGSLICE:
		array(m, v.AsStringSlice(), attribute.StringValue)
	case attribute.SLICE:
		array(m, v.AsSlice(), func(v attribute.Value) attribute.Value { return v })
	case attribute.MAP:
		inner := m.begin(mapValue)
		m.attributes(1, v.AsMap())
		m.end(inner)
	default: // of a newer OpenTelemetry; what its exporters write of one they do not know
		m.textAlways(stringValue, "INVALID")
	}
}

func array[T any](m *message, all []T, of func(T) attribute.Value) {
	at := m.begin(arrayValue)
	for _, v := range all {
		m.value(1, of(v))
	}
	m.end(at)
}

// resource writes a Resource.
func (m *message) resource(r *resource.Resource) {
	if r.Len() == 0 {
		return
	}
	at := m.begin(1)
	m.set(1, r.Iter())
	m.end(at)
}

// scope writes an InstrumentationScope.
func (m *message) scope(s instrumentation.Scope) {
	if s.Name == "" && s.Version == "" && s.Attributes.Len() == 0 {
		return
	}
	at := m.begin(1)
	m.text(1, s.Name)
	m.text(2, s.Version)
	m.set(3, s.Attributes.Iter())
	m.end(at)
}
