package live

import (
	"bytes"
	"encoding/json"
	"io"
	"os"
	"reflect"
	"regexp"
	"strings"
	"testing"

	"github.com/rusmes/otelmail/exporters/live/internal/life"
)

// varying is what differs from one answer to the next.
var varying = []struct {
	is   *regexp.Regexp
	then string
}{
	{regexp.MustCompile(`"20[0-9-]{8}T[0-9:.]+Z"`), `"2026-03-01T12:00:00Z"`},
	{regexp.MustCompile(`"trace_id": "[0-9a-f]{32}"`), `"trace_id": "4bf92f3577b34da6a3ce929d0e0e4736"`},
	{regexp.MustCompile(`_seconds": [0-9.e-]+`), `_seconds": 0.25`},
	{regexp.MustCompile(`"bytes": \d+`), `"bytes": 70000`},
	{regexp.MustCompile(`\d+ seconds?`), "4 seconds"},
}

// TestPageOfTheAPI: the examples of docs/live-api.md are what is answered.
func TestPageOfTheAPI(t *testing.T) {
	page, err := os.ReadFile("../../docs/live-api.md")
	if err != nil {
		t.Fatal(err)
	}
	tel, server := served(t, life.Config{}, io.Discard)
	traffic(tel)
	_, search := ask(t, "POST", server.URL+"/api/v1/messages", "application/json", `{"query":"`+canary+`"}`)
	_, failures := ask(t, "GET", server.URL+"/api/v1/failures?event=rejected", "", "")
	for _, of := range []any{life.Result{}, failuresAnswer{}} {
		eachField(reflect.TypeOf(of), func(name string) {
			if !strings.Contains(string(page), "`"+name+"`") {
				t.Errorf("docs/live-api.md does not say what %s is", name)
			}
		})
	}
	for name, answer := range map[string]string{"search": search, "failures": failures} {
		var b bytes.Buffer
		if err := json.Indent(&b, []byte(answer), "    ", "  "); err != nil {
			t.Fatal(err)
		}
		text := b.String()
		for _, v := range varying {
			text = v.is.ReplaceAllString(text, v.then)
		}
		if !strings.Contains(string(page), "\n    "+text+"\n") {
			t.Errorf("docs/live-api.md does not have, for %s,\n    %s", name, text)
		}
	}
}

// eachField calls found with the name of each field of an answer.
func eachField(of reflect.Type, found func(name string)) {
	switch of.Kind() {
	case reflect.Slice, reflect.Pointer:
		eachField(of.Elem(), found)
	case reflect.Struct:
		for i := range of.NumField() {
			field := of.Field(i)
			if name, _, _ := strings.Cut(field.Tag.Get("json"), ","); name != "" {
				found(name)
				eachField(field.Type, found)
			}
		}
	}
}
