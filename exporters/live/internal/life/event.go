package life

import (
	"math"
	"time"

	"go.opentelemetry.io/otel/attribute"
	sdklog "go.opentelemetry.io/otel/sdk/log"
	"go.opentelemetry.io/otel/trace"

	"github.com/rusmes/otelmail/internal/clean"
	"github.com/rusmes/otelmail/internal/mailevent"
)

// event is a mail event as it is kept: what docs/events.md lists, and nothing else.
type event struct {
	time  time.Time
	name  string
	trace trace.TraceID
	attrs []attribute.KeyValue // strings, ints, doubles and booleans
}

// The bounds of what is kept of one event: more than any has, and little enough for whoever
// gives a logger our scope.
const (
	mostText  = 512 // bytes of one string, as the longest in the root package
	mostAttrs = 64
)

// known are the names of the events, and the attributes that they may carry.
var (
	knownEvents = map[string]bool{}
	knownKeys   = map[attribute.Key]bool{}
)

func init() {
	for _, e := range mailevent.All() {
		knownEvents[e.Name] = true
		for _, use := range e.Uses {
			knownKeys[use.Key] = true
		}
	}
}

// eventOf is what is kept of a record. Its attributes are appended to space.
func eventOf(r *sdklog.Record, space []attribute.KeyValue) event {
	e := event{time: r.Timestamp(), name: r.EventName(), trace: r.TraceID(), attrs: space}
	if e.time.IsZero() {
		e.time = time.Now()
	}
	r.WalkAttributes(func(kv attribute.KeyValue) bool {
		if !knownKeys[kv.Key] {
			return true
		}
		switch kv.Value.Type() {
		case attribute.STRING:
			e.attrs = append(e.attrs, kv.Key.String(clean.Text(kv.Value.AsString(), mostText)))
		case attribute.INT64, attribute.FLOAT64, attribute.BOOL:
			e.attrs = append(e.attrs, kv)
		}
		return len(e.attrs) < mostAttrs
	})
	return e
}

func (e *event) value(key attribute.Key) attribute.Value {
	for i := range e.attrs {
		if e.attrs[i].Key == key {
			return e.attrs[i].Value
		}
	}
	return attribute.Value{}
}

// text is a string attribute, "" where there is none.
func (e *event) text(key attribute.Key) string {
	if v := e.value(key); v.Type() == attribute.STRING {
		return v.AsString()
	}
	return ""
}

// int is an int attribute, 0 where there is none.
func (e *event) int(key attribute.Key) int64 {
	if v := e.value(key); v.Type() == attribute.INT64 {
		return v.AsInt64()
	}
	return 0
}

// seconds is a double attribute, 0 where there is none, or one that is no number: JSON has no
// place for it.
func (e *event) seconds(key attribute.Key) float64 {
	if v := e.value(key); v.Type() == attribute.FLOAT64 && math.Abs(v.AsFloat64()) <= math.MaxFloat64 {
		return v.AsFloat64()
	}
	return 0
}

// is reports whether the event has the term.
func (e *event) is(t term) bool {
	switch t.key {
	case traceTerm:
		return string(e.trace[:]) == t.value
	case nameTerm:
		return e.name == t.value
	}
	return e.text(t.key) == t.value
}
