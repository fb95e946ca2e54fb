package reference_test

import (
	"bytes"
	"io"
	"io/fs"
	"os"
	"path/filepath"
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
		"docs/fault.md":      reference.Fault,
		"docs/events.md":     reference.Events,
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

// TestReferencesNameEveryAttribute: those of spans stand on a hand-written page.
func TestReferencesNameEveryAttribute(t *testing.T) {
	var b bytes.Buffer
	if err := reference.Attributes(&b, os.DirFS(root+"mailconv")); err != nil {
		t.Fatal(err)
	}
	pages := ""
	for _, page := range []string{"docs/spans.md", "docs/events.md"} {
		text, err := os.ReadFile(root + page)
		if err != nil {
			t.Fatal(err)
		}
		pages += string(text)
	}
	keys := regexp.MustCompile("(?m)^\\| `([a-z0-9_.]+)`").FindAllStringSubmatch(b.String(), -1)
	if len(keys) < 20 {
		t.Fatalf("only %d attributes found", len(keys))
	}
	for _, k := range keys {
		if !strings.Contains(pages, "`"+k[1]) && !strings.Contains(pages, "`"+parent(k[1])+".*`") {
			t.Errorf("neither docs/spans.md nor docs/events.md mentions %s", k[1])
		}
	}
}

// parent is the name space of an attribute.
func parent(key string) string { return key[:strings.LastIndexByte(key, '.')] }

// TestPromisesNameWhatHoldsThem keeps the table of docs/architecture.md from naming
// files and tests that no longer exist.
func TestPromisesNameWhatHoldsThem(t *testing.T) {
	page, err := os.ReadFile(root + "docs/architecture.md")
	if err != nil {
		t.Fatal(err)
	}
	tests := map[string]bool{}
	named := regexp.MustCompile(`(?m)^func (Test\w+)\(`)
	err = filepath.WalkDir(root, func(file string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || !strings.HasSuffix(file, "_test.go") {
			return err
		}
		text, err := os.ReadFile(file)
		for _, m := range named.FindAllStringSubmatch(string(text), -1) {
			tests[m[1]] = true
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	rows := regexp.MustCompile(`(?m)^\| [^|]+ \| (.+) \| (.+) \|$`).FindAllStringSubmatch(string(page), -1)
	if len(rows) < 10 {
		t.Fatalf("only %d promises found", len(rows))
	}
	quoted := regexp.MustCompile("`([^`]+)`")
	for _, row := range rows[1:] {
		for _, file := range quoted.FindAllStringSubmatch(row[1], -1) {
			if _, err := os.Stat(root + file[1]); err != nil {
				t.Errorf("docs/architecture.md names %s: %v", file[1], err)
			}
		}
		held := quoted.FindAllStringSubmatch(row[2], -1)
		if len(held) == 0 {
			t.Errorf("nothing holds: %s", row[0])
		}
		for _, test := range held {
			if !tests[test[1]] {
				t.Errorf("docs/architecture.md names the test %s, which is nowhere", test[1])
			}
		}
	}
}

// TestReadmeSaysTheSameLimits compares what the counters cannot see.
func TestReadmeSaysTheSameLimits(t *testing.T) {
	readme, err := os.ReadFile(root + "README.md")
	if err != nil {
		t.Fatal(err)
	}
	if text := strings.Join(strings.Fields(string(readme)), " "); !strings.Contains(text, reference.Limits) {
		t.Errorf("README.md does not say: %s", reference.Limits)
	}
}
