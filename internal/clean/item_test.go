package clean

import (
	"fmt"
	"strings"
	"testing"
	"unicode/utf8"

	"go.opentelemetry.io/otel/attribute"
)

func TestAttributes(t *testing.T) {
	long := strings.Repeat("x", MaxText+1)
	bad := []attribute.KeyValue{
		attribute.String("ok", "fine"),
		attribute.String("bad\xff", "a\xff"),
		attribute.StringSlice("list", []string{"ok", "\xfe"}),
		attribute.String("long", long),
		attribute.Int("n", 1),
		{Key: "slice", Value: attribute.SliceValue(attribute.StringValue("\xff"))},
		{Key: "map", Value: attribute.MapValue(attribute.String("\xffk", "\xffv"))},
		{Key: "bytes", Value: attribute.ByteSliceValue([]byte(long))},
	}
	got := Attributes(bad)
	for _, kv := range got {
		if i := (Item{}); i.Attribute(kv) != kv || i.Changed() {
			t.Errorf("%q still does not fit: %.60q", kv.Key, kv.Value.String())
		}
	}
	if got[0] != bad[0] || got[4] != bad[4] {
		t.Error("attributes that were fine have changed")
	}
	fine := bad[:1]
	if again := Attributes(fine); &again[0] != &fine[0] {
		t.Error("a list that is fine was copied")
	}
	if bad[1].Value.AsString() != "a\xff" {
		t.Error("the caller's list was changed")
	}
}

// oneOfEach has a value of every type, as an application sets them.
func oneOfEach() []attribute.KeyValue {
	return []attribute.KeyValue{
		attribute.String("string", "a line\nand another"),
		attribute.Bool("bool", true),
		attribute.Int("int", 42),
		attribute.Float64("float", 1.5),
		attribute.StringSlice("strings", []string{"a", "b"}),
		attribute.BoolSlice("bools", []bool{true, false}),
		attribute.IntSlice("ints", []int{1, 2}),
		attribute.Float64Slice("floats", []float64{1, 2}),
		{Key: "bytes", Value: attribute.ByteSliceValue([]byte("\xff"))},
		{Key: "slice", Value: attribute.SliceValue(attribute.IntValue(1), attribute.StringValue("a"))},
		{Key: "map", Value: attribute.MapValue(attribute.String("a", "b"))},
	}
}

func TestItemKeepsWhatIsFit(t *testing.T) {
	attrs := oneOfEach()
	var i Item
	kept, dropped := i.Attributes(attrs)
	if &kept[0] != &attrs[0] || len(kept) != len(attrs) || dropped != 0 || i.Changed() {
		t.Errorf("kept %v, dropped %d", kept, dropped)
	}
	for _, kv := range attrs {
		var i Item
		if got := i.Attribute(kv); got != kv || i.Weight() < len(kv.Key)+perValue {
			t.Errorf("%v became %v of weight %d", kv, got, i.Weight())
		}
	}
	set := attribute.NewSet(attrs...)
	if got := new(Item).Set(set); got.Equivalent() != set.Equivalent() {
		t.Errorf("the set became %v", got.ToSlice())
	}
}

func TestItemBoundsEveryValue(t *testing.T) {
	huge := strings.Repeat("x", 1<<20)
	many := make([]string, 1<<17)
	deep := attribute.StringValue("bottom")
	for range 50 {
		deep = attribute.SliceValue(deep)
	}
	for _, v := range []attribute.Value{
		attribute.StringValue(huge), attribute.StringSliceValue(many), attribute.StringSliceValue([]string{"a", huge, "\xff"}),
		attribute.ByteSliceValue([]byte(huge)), attribute.BoolSliceValue(make([]bool, 1<<20)),
		attribute.Int64SliceValue(make([]int64, 1<<20)), attribute.Float64SliceValue(make([]float64, 1<<20)),
		attribute.SliceValue(attribute.StringValue(huge)), attribute.MapValue(attribute.String(huge, huge)), deep,
	} {
		var i Item
		got := i.Value(v)
		if !i.Changed() || got == v || got.Type() != v.Type() || i.Weight() > MaxItem+MaxText {
			t.Errorf("%v: changed %v, weight %d, now %.40q", v.Type(), i.Changed(), i.Weight(), got.String())
		}
		var again Item
		if again.Value(got) != got || again.Changed() || again.Weight() != i.Weight() {
			t.Errorf("%v: cleaning twice changed it again, weight %d, then %d", v.Type(), i.Weight(), again.Weight())
		}
	}
}

// An item of the largest size is kept whole; of a larger one the rest is left out.
func TestItemHasABound(t *testing.T) {
	var attrs []attribute.KeyValue
	for n := range 2 * MaxItem / 1024 {
		attrs = append(attrs, attribute.String(fmt.Sprintf("%04d", n), strings.Repeat("x", 1024-perValue-4)))
	}
	var fits, over Item
	if kept, dropped := fits.Attributes(attrs[:MaxItem/1024]); len(kept) != MaxItem/1024 || dropped != 0 || fits.Changed() {
		t.Errorf("kept %d and dropped %d of what just fits", len(kept), dropped)
	}
	if kept, dropped := over.Attributes(attrs); len(kept) != MaxItem/1024 || dropped != MaxItem/1024 || over.Weight() != MaxItem {
		t.Errorf("kept %d and dropped %d, weight %d", len(kept), dropped, over.Weight())
	}
	if set := new(Item).Set(attribute.NewSet(attrs...)); set.Len() != MaxItem/1024 {
		t.Errorf("a set kept %d labels", set.Len())
	}
}

func TestFitValuesCostNoAllocation(t *testing.T) {
	attrs := oneOfEach()[:4] // lists are read as copies
	set := attribute.NewSet(attrs...)
	if n := testing.AllocsPerRun(100, func() {
		var i Item
		i.Attributes(attrs)
		i.Set(set)
		i.Text("name")
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func FuzzItem(f *testing.F) {
	f.Add("plain", 10)
	f.Add("caf\xe9\xff", 3)
	f.Add("\xff", 2) // the replacement itself does not fit
	f.Add("\xf0\x9f\x98", 64)
	f.Add(strings.Repeat("é", 3000), 4096)
	f.Fuzz(func(t *testing.T, text string, most int) {
		if most < 0 || most > 1<<20 {
			return
		}
		got := Cut(text, most)
		if !utf8.ValidString(got) || len(got) > most || Cut(got, most) != got {
			t.Errorf("cut to %d: %q", most, got)
		}
		if utf8.ValidString(text) && !strings.HasPrefix(text, got) {
			t.Errorf("%q became %q, which is no start of it", text, got)
		}
		if utf8.ValidString(text) && len(text) <= most && got != text {
			t.Errorf("%q was changed to %q", text, got)
		}
		var i, again Item
		kept, _ := i.Attributes([]attribute.KeyValue{
			attribute.String(text, text),
			attribute.StringSlice("list", []string{text, text}),
			{Key: "map", Value: attribute.MapValue(attribute.String(text, text))},
		})
		if again.Attributes(kept); again.Changed() {
			t.Errorf("still dirty after cleaning: %q", kept)
		}
	})
}
