package otlp

import (
	"strings"
	"unicode/utf8"

	"go.opentelemetry.io/otel/attribute"
)

// One string that is not UTF-8 makes a receiver refuse the whole batch that it
// is in, and a few huge ones make the batch larger than the 4 MiB that a
// receiver takes by default. Both are what a stranger can put into a mail.
const (
	maxText  = 4 << 10   // bytes of one string
	maxItem  = 256 << 10 // bytes of all values of one span or log record
	maxBatch = 3 << 20   // bytes of one request, estimated
	maxDepth = 16        // of values in values
)

// scale weighs an item and finds out whether it must be cleaned. It allocates
// nothing for plain values.
type scale struct {
	size int
	bad  bool
}

func (s *scale) text(t string) {
	s.size += len(t)
	if len(t) > maxText || !utf8.ValidString(t) {
		s.bad = true
	}
}

// perValue is about what protobuf adds to a key and a value, in bytes.
const perValue = 24

func (s *scale) attributes(attrs []attribute.KeyValue) {
	for _, kv := range attrs {
		s.text(string(kv.Key))
		s.value(kv.Value, 0)
	}
}

func (s *scale) value(v attribute.Value, depth int) {
	s.size += perValue
	if s.size > maxItem || depth > maxDepth {
		s.bad = true
		return // weighed enough
	}
	switch v.Type() {
	case attribute.STRING:
		s.text(v.AsString())
	case attribute.STRINGSLICE:
		for _, t := range v.AsStringSlice() {
			s.size += perValue
			s.text(t)
		}
	case attribute.BYTESLICE:
		n := len(v.AsByteSlice())
		s.size += n
		s.bad = s.bad || n > maxText
	case attribute.BOOLSLICE:
		s.numbers(len(v.AsBoolSlice()))
	case attribute.INT64SLICE:
		s.numbers(len(v.AsInt64Slice()))
	case attribute.FLOAT64SLICE:
		s.numbers(len(v.AsFloat64Slice()))
	case attribute.SLICE:
		for _, e := range v.AsSlice() {
			s.value(e, depth+1)
		}
	case attribute.MAP:
		for _, kv := range v.AsMap() {
			s.text(string(kv.Key))
			s.value(kv.Value, depth+1)
		}
	}
}

// perNumber is about what protobuf takes for a number in a list, in bytes.
const perNumber = 12

func (s *scale) numbers(n int) {
	s.size += n * perNumber
	s.bad = s.bad || n > maxText
}

// dirty says whether the item weighed is not fit to be sent.
func (s *scale) dirty() bool { return s.bad || s.size > maxItem }

// cleaner rewrites one item so that it is. left is how many bytes it may still
// have.
type cleaner struct{ left int }

func (c *cleaner) text(t string) string {
	t = cut(t, min(maxText, max(c.left, 0)))
	c.left -= len(t)
	return t
}

// attributes cleans attrs and leaves out those there is no room for.
func (c *cleaner) attributes(attrs []attribute.KeyValue) (kept []attribute.KeyValue, dropped int) {
	for _, kv := range attrs {
		if c.left <= 0 {
			dropped++
			continue
		}
		kept = append(kept, attribute.KeyValue{Key: attribute.Key(c.text(string(kv.Key))), Value: c.value(kv.Value, 0)})
	}
	return kept, dropped
}

func (c *cleaner) value(v attribute.Value, depth int) attribute.Value {
	c.left -= perValue
	if depth > maxDepth {
		return attribute.StringValue("…")
	}
	switch v.Type() {
	case attribute.STRING:
		return attribute.StringValue(c.text(v.AsString()))
	case attribute.STRINGSLICE:
		return attribute.StringSliceValue(bounded(c, v.AsStringSlice(), func(t string) string {
			c.left -= perValue
			return c.text(t)
		}))
	case attribute.BYTESLICE:
		b := v.AsByteSlice()
		b = b[:min(len(b), maxText, max(c.left, 0))]
		c.left -= len(b)
		return attribute.ByteSliceValue(b)
	case attribute.BOOLSLICE:
		return attribute.BoolSliceValue(bounded(c, v.AsBoolSlice(), number[bool](c)))
	case attribute.INT64SLICE:
		return attribute.Int64SliceValue(bounded(c, v.AsInt64Slice(), number[int64](c)))
	case attribute.FLOAT64SLICE:
		return attribute.Float64SliceValue(bounded(c, v.AsFloat64Slice(), number[float64](c)))
	case attribute.SLICE:
		return attribute.SliceValue(bounded(c, v.AsSlice(), func(e attribute.Value) attribute.Value {
			return c.value(e, depth+1)
		})...)
	case attribute.MAP:
		return attribute.MapValue(bounded(c, v.AsMap(), func(kv attribute.KeyValue) attribute.KeyValue {
			return attribute.KeyValue{Key: attribute.Key(c.text(string(kv.Key))), Value: c.value(kv.Value, depth+1)}
		})...)
	}
	return v
}

// bounded cleans the elements of a list for which there is room.
func bounded[T any](c *cleaner, list []T, clean func(T) T) []T {
	out := make([]T, 0, min(len(list), maxText))
	for _, e := range list {
		if c.left <= 0 || len(out) == maxText {
			break
		}
		out = append(out, clean(e))
	}
	return out
}

func number[T any](c *cleaner) func(T) T {
	return func(n T) T { c.left -= perNumber; return n }
}

// cut makes t valid UTF-8 of at most limit bytes. What it returns does not keep
// a longer t in memory.
func cut(t string, limit int) string {
	if len(t) > limit {
		t = strings.Clone(whole(t, limit))
	}
	t = strings.ToValidUTF8(t, "\uFFFD")
	// The replacement is longer than the byte it stands for.
	return whole(t, limit)
}

// whole is the start of t, at most limit bytes, that splits no character.
func whole(t string, limit int) string {
	if len(t) <= limit {
		return t
	}
	for i := limit; i >= 0 && i > limit-utf8.UTFMax; i-- {
		if utf8.RuneStart(t[i]) {
			return t[:i]
		}
	}
	return t[:limit] // not UTF-8: there is nothing to split
}

// batches calls send with runs of items that are estimated to fit one request.
func batches[T any](items []T, weigh func(*T) int, send func([]T)) {
	start, size := 0, 0
	for i := range items {
		w := weigh(&items[i])
		if i > start && size+w > maxBatch {
			send(items[start:i])
			start, size = i, 0
		}
		size += w
	}
	if start < len(items) {
		send(items[start:])
	}
}
