package peer

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strconv"
	"time"
)

// Scope is the instrumentation scope that made a piece of telemetry.
type Scope struct {
	Name      string
	Version   string
	SchemaURL string // of the conventions by which its telemetry is to be read
}

// The shapes of OTLP JSON that all three signals share. They are read with encoding/json
// and not with OpenTelemetry's own code, so that a test does not trust what it tests.
// 64-bit integers are strings there; ids are hexadecimal.

type wireScope struct{ Name, Version string }

func (s wireScope) of(schemaURL string) Scope { return Scope{s.Name, s.Version, schemaURL} }

type wireResource struct{ Attributes wireAttributes }

type wireAttributes []struct {
	Key   string
	Value wireValue
}

// asMap returns each attribute as string, bool, int64, float64, []byte, []any, map[string]any
// or, for the empty value, nil.
func (attributes wireAttributes) asMap() map[string]any {
	values := make(map[string]any, len(attributes))
	for _, attribute := range attributes {
		values[attribute.Key] = attribute.Value.value()
	}
	return values
}

type wireValue struct {
	StringValue *string
	BoolValue   *bool
	IntValue    *int64 `json:",string"`
	DoubleValue *wireDouble
	BytesValue  *[]byte
	ArrayValue  *struct{ Values []wireValue }
	KvlistValue *struct{ Values wireAttributes }
}

func (v wireValue) value() any {
	switch {
	case v.StringValue != nil:
		return *v.StringValue
	case v.BoolValue != nil:
		return *v.BoolValue
	case v.IntValue != nil:
		return *v.IntValue
	case v.DoubleValue != nil:
		return float64(*v.DoubleValue)
	case v.BytesValue != nil:
		return *v.BytesValue
	case v.ArrayValue != nil:
		list := make([]any, 0, len(v.ArrayValue.Values))
		for _, element := range v.ArrayValue.Values {
			list = append(list, element.value())
		}
		return list
	case v.KvlistValue != nil:
		return v.KvlistValue.Values.asMap()
	}
	return nil
}

// wireDouble is a number, or one of the strings NaN, Infinity and -Infinity.
type wireDouble float64

func (d *wireDouble) UnmarshalJSON(text []byte) error {
	value, err := strconv.ParseFloat(string(bytes.Trim(text, `"`)), 64)
	if err != nil {
		return fmt.Errorf("reading %s as a double: %w", text, err)
	}
	*d = wireDouble(value)
	return nil
}

// wireUints is a list of 64-bit integers.
type wireUints []uint64

func (u *wireUints) UnmarshalJSON(text []byte) error {
	var digits []string
	if err := json.Unmarshal(text, &digits); err != nil {
		return err
	}
	*u = make(wireUints, 0, len(digits))
	for _, number := range digits {
		value, err := strconv.ParseUint(number, 10, 64)
		if err != nil {
			return fmt.Errorf("reading %q as a count: %w", number, err)
		}
		*u = append(*u, value)
	}
	return nil
}

// instant turns nanoseconds since 1970 into a time; zero stays the zero time.
func instant(nanoseconds int64) time.Time {
	if nanoseconds == 0 {
		return time.Time{}
	}
	return time.Unix(0, nanoseconds)
}

// label returns the name of an enum value, or its number if OTLP does not define it.
func label(names []string, value int) string {
	if value >= 0 && value < len(names) {
		return names[value]
	}
	return strconv.Itoa(value)
}
