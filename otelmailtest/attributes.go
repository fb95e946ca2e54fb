package otelmailtest

import (
	"fmt"
	"math"
	"reflect"
	"testing"

	"go.opentelemetry.io/otel/attribute"
)

// Attributes are what a span or a record is to have: strings, booleans, numbers and slices of
// these by their keys, and of other types what their String method returns. nil is for one that
// must not be there, [Any] for one that must, whatever its value.
type Attributes map[attribute.Key]any

// has fails the test where got is not as wanted; with only, also for what is not wanted.
func (want Attributes) has(t testing.TB, what string, all []attribute.KeyValue, only bool) {
	t.Helper()
	wanted, got := map[string]string{}, map[string]string{}
	for _, kv := range all {
		if _, named := want[kv.Key]; named || only {
			got[quote(string(kv.Key))] = fmt.Sprintf("%#v", kv.Value.AsInterface())
		}
	}
	for key, value := range want {
		switch name := quote(string(key)); {
		case value == nil:
		case isAny(value):
			if _, there := got[name]; there {
				got[name] = anyValue
			}
			wanted[name] = anyValue
		default:
			wanted[name] = fmt.Sprintf("%#v", plain(value))
		}
	}
	if diff := differByKey(wanted, got); diff != "" {
		t.Errorf("%s: attributes (- wanted, + there):%s", what, diff)
	}
}

const anyValue = "any value"

func isAny(value any) bool {
	number, ok := value.(float64)
	return ok && math.IsNaN(number)
}

// plain is a value as attributes have it: of numbers int64 and float64 alone.
func plain(value any) any {
	switch v := value.(type) {
	case attribute.Value:
		return v.AsInterface()
	case fmt.Stringer:
		return v.String()
	}
	v := reflect.ValueOf(value)
	switch {
	case v.Kind() == reflect.String:
		return v.String()
	case v.CanInt():
		return v.Int()
	case v.CanUint():
		return int64(v.Uint())
	case v.CanFloat():
		return v.Float()
	case v.Kind() == reflect.Slice && v.Type().Elem().Kind() == reflect.Int:
		numbers := make([]int64, v.Len())
		for i := range numbers {
			numbers[i] = v.Index(i).Int()
		}
		return numbers
	}
	return value
}
