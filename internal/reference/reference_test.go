package reference_test

import (
	"bytes"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"go.opentelemetry.io/otel/attribute"

	"github.com/rusmes/otelmail/internal/mailevent"
	"github.com/rusmes/otelmail/internal/mailspan"
	"github.com/rusmes/otelmail/internal/reference"
	"github.com/rusmes/otelmail/internal/registry"
)

const root = "../../"

func TestPagesAreGenerated(t *testing.T) {
	for file, page := range reference.Pages() {
		var b bytes.Buffer
		if err := page(&b, os.DirFS(root)); err != nil {
			t.Fatal(err)
		}
		committed, err := os.ReadFile(root + file)
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(b.Bytes(), committed) {
			t.Errorf("%s is not what the code says: run `go generate` in the root", file)
		}
	}
}

// TestEveryAttributeIsUsed: each of package mailconv is on a span or an event.
func TestEveryAttributeIsUsed(t *testing.T) {
	all, err := registry.Meanings(os.DirFS(root))
	if err != nil {
		t.Fatal(err)
	}
	used := map[attribute.Key]bool{}
	for _, s := range mailspan.All() {
		for _, u := range s.Uses {
			used[u.Key] = true
		}
	}
	for _, e := range mailevent.All() {
		for _, u := range e.Uses {
			used[u.Key] = true
		}
	}
	for _, m := range all {
		if m.Constant != "" && !used[m.Key] {
			t.Errorf("neither a span nor an event has %s", m.Key)
		}
	}
}

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
	limits, err := reference.Limits(os.DirFS(root))
	if err != nil {
		t.Fatal(err)
	}
	if text := strings.Join(strings.Fields(string(readme)), " "); !strings.Contains(text, limits) {
		t.Errorf("README.md does not say: %s", limits)
	}
}
