package logtee

import (
	"encoding"
	"encoding/json"
	"fmt"
	"log/slog"
	"reflect"
	"strings"
	"time"
	"unicode/utf8"
)

// The bounds of the values of one record, beyond which they are cut.
const (
	maxAttrs = 1000
	maxParts = 1000     // elements and fields of what the attributes hold
	maxDepth = 16       // of values in values
	maxText  = 64 << 10 // bytes of the text of what is not a string itself
)

const cutMark = "…"

// tamer makes the attributes of one record harmless to show. Handlers call methods of a
// value, which may panic, and follow it wherever it leads, which may be round in a circle:
// that overflows the stack, and no recover catches it. What is harmless stays as it is.
type tamer struct {
	// fields says that whoever shows a struct is known to look into its fields that are not
	// exported, as fmt does. Otherwise nobody may: the application may be changing them.
	fields bool
	attrs  int
	parts  int
	text   int
}

// all returns attrs itself where nothing has to be changed.
func (t *tamer) all(attrs []slog.Attr, depth int) []slog.Attr {
	out := attrs
	for i := range attrs {
		if t.attrs++; t.attrs > maxAttrs {
			return append(out[:i:i], slog.String(cutMark, cutMark))
		}
		v, same := t.value(attrs[i].Value, depth)
		if same {
			continue
		}
		if &out[0] == &attrs[0] {
			out = append([]slog.Attr(nil), attrs...)
		}
		out[i].Value = v
	}
	return out
}

// record returns r itself where nothing has to be changed.
func (t *tamer) record(r slog.Record) slog.Record {
	if isPlain(r) {
		return r
	}
	attrs := make([]slog.Attr, 0, r.NumAttrs())
	r.Attrs(func(a slog.Attr) bool { attrs = append(attrs, a); return true })
	tamed := t.all(attrs, 0)
	message := strings.ToValidUTF8(r.Message, "\uFFFD")
	if message == r.Message && (len(attrs) == 0 || len(tamed) == len(attrs) && &tamed[0] == &attrs[0]) {
		return r
	}
	out := slog.NewRecord(r.Time, r.Level, message, r.PC)
	out.AddAttrs(tamed...)
	return out
}

// isPlain reports whether there is nothing to look into, as mostly there is not.
func isPlain(r slog.Record) bool {
	plain := utf8.ValidString(r.Message) && r.NumAttrs() <= maxAttrs
	r.Attrs(func(a slog.Attr) bool {
		switch a.Value.Kind() {
		case slog.KindString:
			plain = plain && utf8.ValidString(a.Value.String())
		case slog.KindAny, slog.KindGroup, slog.KindLogValuer:
			plain = false
		}
		return plain
	})
	return plain
}

func (t *tamer) value(v slog.Value, depth int) (tamed slog.Value, same bool) {
	switch v.Kind() {
	case slog.KindString:
		if s := v.String(); !utf8.ValidString(s) {
			return slog.StringValue(strings.ToValidUTF8(s, "\uFFFD")), false
		}
	case slog.KindLogValuer:
		if depth > maxDepth {
			return slog.StringValue(cutMark), false
		}
		v, _ = t.value(v.Resolve(), depth+1) // Resolve contains panics, and ends
		return v, false
	case slog.KindGroup:
		if depth > maxDepth {
			return slog.StringValue(cutMark), false
		}
		group := v.Group()
		tamed := t.all(group, depth+1)
		if len(group) > 0 && (len(tamed) != len(group) || &tamed[0] != &group[0]) {
			return slog.GroupValue(tamed...), false
		}
	case slog.KindAny:
		return t.any(v)
	}
	return v, true
}

func (t *tamer) any(v slog.Value) (tamed slog.Value, same bool) {
	switch x := v.Any().(type) {
	case nil, time.Time, *slog.Source:
		return v, true
	case error:
		text, ok := errorText(x)
		before := *t
		if ok && t.fits(len(text)) {
			return v, true
		}
		*t = before
		return slog.StringValue(t.short(text)), false
	default:
		before := *t
		if t.harmless(reflect.ValueOf(x), 0, false) {
			return v, true
		}
		*t = before
		return slog.AnyValue(t.plain(reflect.ValueOf(x), 0, false)), false
	}
}

func (t *tamer) fits(text int) bool {
	t.text += text
	return t.text <= maxText
}

// harmless walks v as handlers do: fmt follows pointers only down to the first struct, and
// what has a method for it shows itself.
func (t *tamer) harmless(v reflect.Value, depth int, inStruct bool) bool {
	if t.parts++; t.parts > maxParts || depth > maxDepth {
		return false
	}
	switch shown, err := shows(v); {
	case err != nil:
		text, ok := errorText(err)
		return ok && t.fits(len(text))
	case shown:
		return true
	}
	switch v.Kind() {
	case reflect.Interface:
		return v.IsNil() || t.harmless(v.Elem(), depth, inStruct)
	case reflect.Pointer:
		return v.IsNil() || inStruct || t.harmless(v.Elem(), depth+1, false)
	case reflect.Map:
		for entries := v.MapRange(); entries.Next(); {
			if !t.harmless(entries.Key(), depth+1, inStruct) || !t.harmless(entries.Value(), depth+1, inStruct) {
				return false
			}
		}
	case reflect.Slice, reflect.Array:
		if isNumber(v.Type().Elem().Kind()) {
			return t.fits(v.Len())
		}
		for i := range v.Len() {
			if !t.harmless(v.Index(i), depth+1, inStruct) {
				return false
			}
		}
	case reflect.Struct:
		for i := range v.NumField() {
			if (t.fields || v.Type().Field(i).IsExported()) && !t.harmless(v.Field(i), depth+1, true) {
				return false
			}
		}
	case reflect.String:
		return t.fits(v.Len())
	}
	return true
}

// plain rebuilds as much of v as the bounds allow, of what has no methods.
func (t *tamer) plain(v reflect.Value, depth int, inStruct bool) any {
	if t.parts++; t.parts > maxParts || depth > maxDepth || t.text > maxText {
		return cutMark
	}
	switch shown, err := shows(v); {
	case err != nil:
		text, _ := errorText(err)
		return t.short(text)
	case shown:
		return t.short(fmt.Sprint(v.Interface())) // fmt contains the panics of methods
	}
	switch v.Kind() {
	case reflect.Interface:
		if v.IsNil() {
			return nil
		}
		return t.plain(v.Elem(), depth, inStruct)
	case reflect.Pointer:
		switch {
		case v.IsNil():
			return nil
		case inStruct:
			return cutMark
		}
		return t.plain(v.Elem(), depth+1, false)
	case reflect.Map:
		all := make(map[string]any)
		for entries := v.MapRange(); entries.Next(); {
			if t.parts > maxParts {
				all[cutMark] = cutMark
				break
			}
			all[fmt.Sprint(t.plain(entries.Key(), depth+1, inStruct))] = t.plain(entries.Value(), depth+1, inStruct)
		}
		return all
	case reflect.Slice, reflect.Array:
		var all []any
		for i := range v.Len() {
			all = append(all, t.plain(v.Index(i), depth+1, inStruct))
			if t.parts > maxParts {
				break
			}
		}
		return all
	case reflect.Struct:
		all := make(map[string]any)
		for i := range v.NumField() {
			if field := v.Type().Field(i); t.fields || field.IsExported() {
				all[field.Name] = t.plain(v.Field(i), depth+1, true)
			}
		}
		return short(fmt.Sprint(all), maxText)
	case reflect.String:
		return t.short(v.String())
	case reflect.Bool:
		return v.Bool()
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		return v.Int()
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64, reflect.Uintptr:
		return v.Uint()
	case reflect.Float32, reflect.Float64:
		return v.Float()
	case reflect.Complex64, reflect.Complex128:
		return fmt.Sprint(v.Complex())
	}
	return v.Type().String() // a function, a channel
}

// short is as much of text as the bounds allow, and a little in any case.
func (t *tamer) short(text string) string {
	text = short(text, max(maxText-t.text, 256))
	t.text += len(text)
	return text
}

// shows reports whether v shows itself, and returns it where it is an error, whose method
// handlers call without containing it.
func shows(v reflect.Value) (bool, error) {
	if !v.IsValid() || !v.CanInterface() || v.Kind() == reflect.Interface {
		return false, nil
	}
	switch x := v.Interface().(type) {
	case error:
		return true, x
	case fmt.Formatter, fmt.Stringer, encoding.TextMarshaler, json.Marshaler:
		// Collections are walked by whoever pushes them, whatever methods they have.
		return v.Kind() == reflect.Struct || v.Kind() == reflect.Pointer, nil
	}
	return false, nil
}

// errorText is the text of err, or what slog shows where there is none.
func errorText(err error) (text string, ok bool) {
	defer func() {
		if recover() == nil {
			return
		}
		if v := reflect.ValueOf(err); v.Kind() == reflect.Pointer && v.IsNil() {
			text = "<nil>"
		} else {
			text = fmt.Sprintf("!PANIC: %T", err)
		}
	}()
	return err.Error(), true
}

func isNumber(k reflect.Kind) bool { return k >= reflect.Bool && k <= reflect.Complex128 }

// short is text that can stand in a line.
func short(text string, most int) string {
	if len(text) > most {
		text = text[:most] + cutMark
	}
	return strings.ToValidUTF8(text, "\uFFFD")
}

// snapshot is r in text alone: the application may go on and change what r refers to.
// It is called for tamed records.
func snapshot(r slog.Record) slog.Record {
	out := slog.NewRecord(r.Time, r.Level, r.Message, r.PC)
	r.Attrs(func(a slog.Attr) bool { out.AddAttrs(frozen(a)); return true })
	return out
}

func frozen(a slog.Attr) slog.Attr {
	switch a.Value.Kind() {
	case slog.KindGroup:
		var group []slog.Attr
		for _, member := range a.Value.Group() {
			group = append(group, frozen(member))
		}
		a.Value = slog.GroupValue(group...)
	case slog.KindAny:
		if x := a.Value.Any(); x != nil {
			a.Value = slog.StringValue(short(fmt.Sprintf("%+v", x), maxText))
		}
	}
	return a
}

// size is about how many bytes a record takes.
func size(r slog.Record) int {
	bytes := 256 + len(r.Message)
	r.Attrs(func(a slog.Attr) bool { bytes += attrSize(a); return true })
	return bytes
}

func attrSize(a slog.Attr) int {
	bytes := 64 + len(a.Key)
	switch a.Value.Kind() {
	case slog.KindString:
		bytes += len(a.Value.String())
	case slog.KindGroup:
		for _, member := range a.Value.Group() {
			bytes += attrSize(member)
		}
	}
	return bytes
}
