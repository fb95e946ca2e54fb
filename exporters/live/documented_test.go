package live

import (
	"os"
	"reflect"
	"strings"
	"testing"
)

// Every field of the status, every state and every line of the plots is in the docs.
func TestTheStatusIsDocumented(t *testing.T) {
	page, err := os.ReadFile("../../docs/live.md")
	if err != nil {
		t.Fatal(err)
	}
	documented := func(name string) {
		if !strings.Contains(string(page), "`"+name+"`") {
			t.Errorf("docs/live.md has no `%s`", name)
		}
	}
	var walk func(reflect.Type)
	walk = func(of reflect.Type) {
		switch of.Kind() {
		case reflect.Pointer, reflect.Slice:
			walk(of.Elem())
		case reflect.Struct:
			if of.PkgPath() != reflect.TypeFor[status]().PkgPath() {
				return // a time
			}
			for field := range of.Fields() {
				name, _, _ := strings.Cut(field.Tag.Get("json"), ",")
				documented(name)
				walk(field.Type)
			}
		}
	}
	walk(reflect.TypeFor[status]())
	for _, name := range []string{"draining", "down", "starting", "refused", "failing", "late", "growing", "lost", "quiet", "flowing"} {
		documented(name)
	}
	for _, name := range append(plotted, "step", "time", "links", "trace_link") {
		documented(name)
	}
}
