package reference_test

import (
	"bytes"
	"io"
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/rusmes/otelmail/internal/reference"
)

const root = "../../"

func TestPagesAreGenerated(t *testing.T) {
	for file, page := range map[string]func(io.Writer) error{
		"docs/series.md":     reference.Series,
		"docs/settings.md":   reference.Settings,
		"docs/attributes.md": func(w io.Writer) error { return reference.Attributes(w, os.DirFS(root+"mailconv")) },
	} {
		var b bytes.Buffer
		if err := page(&b); err != nil {
			t.Fatal(err)
		}
		committed, err := os.ReadFile(root + file)
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(b.Bytes(), committed) {
			t.Errorf("%s is not what the code says: run `go generate` in the root", file)
		}
		if strings.Contains(b.String(), "`?`") {
			t.Errorf("%s names an attribute that could not be read", file)
		}
	}
}

// TestSpanReferenceNamesEveryAttribute keeps the hand-written page complete.
func TestSpanReferenceNamesEveryAttribute(t *testing.T) {
	var b bytes.Buffer
	if err := reference.Attributes(&b, os.DirFS(root+"mailconv")); err != nil {
		t.Fatal(err)
	}
	spans, err := os.ReadFile(root + "docs/spans.md")
	if err != nil {
		t.Fatal(err)
	}
	keys := regexp.MustCompile("(?m)^\\| `([a-z0-9_.]+)`").FindAllStringSubmatch(b.String(), -1)
	if len(keys) < 20 {
		t.Fatalf("only %d attributes found", len(keys))
	}
	for _, k := range keys {
		if !strings.Contains(string(spans), k[1]) {
			t.Errorf("docs/spans.md does not mention %s", k[1])
		}
	}
}
