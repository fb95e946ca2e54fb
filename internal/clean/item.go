package clean

import (
	"slices"
	"strings"
	"unicode/utf8"

	"go.opentelemetry.io/otel/attribute"
)

// The bounds of what an application sets.
const (
	MaxText  = 4 << 10   // bytes of one string
	MaxItem  = 256 << 10 // bytes of all values of one item
	maxList  = 4 << 10   // elements of one list
	maxDepth = 16        // of values in values
)

// Roughly what protobuf needs beside the text of a key and a value, and for a number,
// in bytes.
const (
	perValue  = 24
	perNumber = 12
)

// Item cleans the texts and values of one span, log record or label set, and weighs
// them: strings become valid UTF-8 of at most [MaxText] bytes, and what is beyond
// [MaxItem] is left out. What is fit to leave is returned as it is, and costs no
// allocation unless it is a list. The zero value is an item that holds nothing yet.
type Item struct {
	weight  int
	changes int
	depth   int // of the value that is being looked at
}

// Weight is about how many bytes the item takes, as far as it was kept.
func (i *Item) Weight() int { return i.weight }

// Changed reports whether anything had to be changed or left out.
func (i *Item) Changed() bool { return i.changes > 0 }

// Add adds bytes to the weight for what is neither text nor a value: ids and times.
func (i *Item) Add(bytes int) { i.weight += bytes }

func (i *Item) left() int { return max(MaxItem-i.weight, 0) }

// Text returns t fit to leave.
func (i *Item) Text(t string) string {
	if most := min(MaxText, i.left()); len(t) > most || !utf8.ValidString(t) {
		t = Cut(t, most)
		i.changes++
	}
	i.weight += len(t)
	return t
}

// Value returns v fit to leave.
func (i *Item) Value(v attribute.Value) attribute.Value { return i.value(&v) }

// Attribute returns kv fit to leave.
func (i *Item) Attribute(kv attribute.KeyValue) attribute.KeyValue { return i.attribute(&kv) }

// Attributes returns attrs fit to leave, and how many were dropped because the item
// was full.
func (i *Item) Attributes(attrs []attribute.KeyValue) (kept []attribute.KeyValue, dropped int) {
	before := *i
	for j := range attrs { // mostly that is all: a plain loop takes half the time of List
		i.attribute(&attrs[j])
	}
	if i.changes == before.changes && i.weight <= MaxItem && len(attrs) <= maxList {
		return attrs, 0
	}
	*i = before
	return List(i, attrs, func(kv *attribute.KeyValue) attribute.KeyValue { return i.attribute(kv) })
}

// Set returns a label set fit to leave.
func (i *Item) Set(set attribute.Set) attribute.Set {
	before := *i
	for j := range set.Len() {
		kv, _ := set.Get(j)
		i.attribute(&kv)
	}
	if i.changes == before.changes {
		return set
	}
	*i = before
	kept, _ := i.Attributes(set.ToSlice())
	return attribute.NewSet(kept...)
}

// Values are taken by pointer because copying each at every step would cost more than
// looking at it; what is pointed to is never changed.

func (i *Item) attribute(kv *attribute.KeyValue) attribute.KeyValue {
	changes := i.changes
	key, value := i.Text(string(kv.Key)), i.value(&kv.Value)
	if i.changes == changes {
		return *kv
	}
	return attribute.KeyValue{Key: attribute.Key(key), Value: value}
}

func (i *Item) value(v *attribute.Value) attribute.Value {
	i.weight += perValue
	switch v.Type() {
	case attribute.STRING:
		changes := i.changes
		if t := i.Text(v.AsString()); i.changes != changes {
			return attribute.StringValue(t)
		}
	case attribute.STRINGSLICE:
		return list(i, v, v.AsStringSlice(), i.element, attribute.StringSliceValue)
	case attribute.BYTESLICE:
		return numbers(i, v, v.AsByteSlice(), 1, attribute.ByteSliceValue)
	case attribute.BOOLSLICE:
		return numbers(i, v, v.AsBoolSlice(), perNumber, attribute.BoolSliceValue)
	case attribute.INT64SLICE:
		return numbers(i, v, v.AsInt64Slice(), perNumber, attribute.Int64SliceValue)
	case attribute.FLOAT64SLICE:
		return numbers(i, v, v.AsFloat64Slice(), perNumber, attribute.Float64SliceValue)
	case attribute.SLICE:
		return list(i, v, v.AsSlice(), i.value, func(l []attribute.Value) attribute.Value { return attribute.SliceValue(l...) })
	case attribute.MAP:
		return list(i, v, v.AsMap(), i.attribute, func(l []attribute.KeyValue) attribute.Value { return attribute.MapValue(l...) })
	}
	return *v
}

func (i *Item) element(t *string) string {
	i.weight += perValue
	return i.Text(*t)
}

// list cleans a value that holds a list of texts or values.
func list[T any](i *Item, v *attribute.Value, all []T, clean func(*T) T, value func([]T) attribute.Value) attribute.Value {
	if i.depth == maxDepth {
		i.changes++
		return attribute.StringValue(i.Text("…"))
	}
	i.depth++
	defer func() { i.depth-- }()
	changes := i.changes
	if kept, _ := List(i, all, clean); i.changes != changes {
		return value(kept)
	}
	return *v
}

// numbers bounds a value that holds a list of elements of one size, in bytes.
func numbers[T any](i *Item, v *attribute.Value, all []T, size int, value func([]T) attribute.Value) attribute.Value {
	if most := min(maxList, i.left()/size); len(all) > most {
		i.changes++
		i.weight += size * most
		return value(all[:most])
	}
	i.weight += size * len(all)
	return *v
}

// List cleans the elements of a list, up to the bounds of the item. clean returns an
// element fit to leave; List returns all itself where nothing had to be changed.
func List[T any](i *Item, all []T, clean func(*T) T) (kept []T, dropped int) {
	kept = all
	for j := range all {
		if i.weight >= MaxItem || j == maxList {
			i.changes++
			return slices.Clone(kept[:j]), len(all) - j
		}
		changes := i.changes
		e := clean(&all[j])
		if i.changes == changes {
			continue
		}
		if &kept[0] == &all[0] {
			kept = slices.Clone(all)
		}
		kept[j] = e
	}
	return kept, 0
}

// Fits reports whether [Item.Text] would leave the text as it is.
func Fits(s string) bool { return len(s) <= MaxText && utf8.ValidString(s) }

// Attributes returns attrs fit to leave: attrs itself where nothing had to be changed.
func Attributes(attrs []attribute.KeyValue) []attribute.KeyValue {
	var i Item
	attrs, _ = i.Attributes(attrs)
	return attrs
}

// Cut makes t valid UTF-8 of at most most bytes. What it returns does not keep a
// longer t in memory.
func Cut(t string, most int) string {
	if len(t) > most {
		t = strings.Clone(whole(t, most))
	}
	t = strings.ToValidUTF8(t, "\uFFFD")
	// The replacement is longer than the byte it stands for.
	return whole(t, most)
}

// whole is the start of t, at most most bytes, that splits no character.
func whole(t string, most int) string {
	if len(t) <= most {
		return t
	}
	for end := most; end >= 0 && end > most-utf8.UTFMax; end-- {
		if utf8.RuneStart(t[end]) {
			return t[:end]
		}
	}
	return t[:most] // not UTF-8: there is nothing to split
}
