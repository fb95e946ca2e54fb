package peer

import (
	"bytes"
	"slices"
	"strings"
	"testing"
)

const spanMarker = `{"resourceSpans":[`

// one is a message with one span.
func one(name string) string {
	return spanMarker + `{"scopeSpans":[{"spans":[{"name":"` + name + `"}]}]}]}`
}

func TestDecodeBatches(t *testing.T) {
	torn := one("torn")[:60]
	tests := map[string]struct {
		content string
		killed  bool
		want    []string
		wantErr string
	}{
		"nothing yet":                    {},
		"whole":                          {content: one("a") + "\n" + one("b") + "\n", want: []string{"a", "b"}},
		"no line end yet":                {content: one("a") + "\n" + one("b"), want: []string{"a", "b"}},
		"last one half there":            {content: one("a") + "\n" + torn, want: []string{"a"}},
		"last one hardly there":          {content: one("a") + "\n" + `{"reso`, want: []string{"a"}},
		"first one hardly there":         {content: `{"reso`},
		"torn by a kill":                 {content: one("a") + "\n" + torn + one("b") + "\n", killed: true, want: []string{"a", "b"}},
		"hardly begun at the kill":       {content: one("a") + "\n" + `{"re` + one("b") + "\n", killed: true, want: []string{"a", "b"}},
		"line end lost in the kill":      {content: one("a") + one("b") + "\n", killed: true, want: []string{"a", "b"}},
		"marker in a name":               {content: one(`{\"resourceSpans\":[`) + "\n", want: []string{spanMarker}},
		"torn though nothing was killed": {content: torn + one("b"), wantErr: "message 1 of 2"},
		"another signal":                 {content: `{"resourceLogs":[]}`, wantErr: "want messages that start with " + spanMarker},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			batches, err := decodeBatches[wireTraces]([]byte(test.content), spanMarker, test.killed)
			if test.wantErr != "" {
				if err == nil || !strings.Contains(err.Error(), test.wantErr) {
					t.Errorf("error %v, want one with %q", err, test.wantErr)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			var names []string
			for _, batch := range batches {
				for _, span := range batch.flatten() {
					names = append(names, span.Name)
				}
			}
			if !slices.Equal(names, test.want) {
				t.Errorf("spans %q, want %q", names, test.want)
			}
		})
	}
}

// Wherever a kill tears a message, those around it are read whole.
func TestDecodeBatchesTornAnywhere(t *testing.T) {
	whole := one("torn")
	for cut := range len(whole) {
		content := []byte(one("a") + "\n" + whole[:cut] + one("b") + "\n")
		batches, err := decodeBatches[wireTraces](content, spanMarker, true)
		if err != nil {
			t.Fatalf("torn after %d bytes: %v", cut, err)
		}
		if len(batches) != 2 {
			t.Errorf("torn after %d bytes: %d messages, want 2", cut, len(batches))
		}
	}
}

// Whatever is in the file, reading it ends in an error or in batches that flatten.
func FuzzDecodeBatches(f *testing.F) {
	f.Add([]byte(one("a")+"\n"), true)
	f.Add([]byte(spanMarker+`{"scopeSpans":[{"spans":[{"startTimeUnixNano":"1","attributes":[{"key":"k","value":{"doubleValue":"NaN"}}]}]}]}]}`), false)
	f.Fuzz(func(t *testing.T, content []byte, killed bool) {
		batches, err := decodeBatches[wireTraces](content, spanMarker, killed)
		for _, batch := range batches {
			batch.flatten()
		}
		if markers := bytes.Count(content, []byte(spanMarker)); err == nil && len(batches) > markers {
			t.Errorf("%d batches behind %d markers", len(batches), markers)
		}
	})
}
