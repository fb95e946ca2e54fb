package reference_test

import (
	"io/fs"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/rusmes/otelmail"
	"github.com/rusmes/otelmail/internal/settings"
)

// besideTheCatalog are series of /metrics that OTLP does not have.
var besideTheCatalog = []string{"telemetry_scrape_errors_total", "telemetry_server_problems_total"}

// notOurs are names of other things, series or not.
var notOurs = regexp.MustCompile(`^(?:process_.*|go_.*|otel_sdk_.*|too_many_bytes)$`)

// notSeries are pages where a name in code that ends like a series may be something else: of
// other people's, or of a field of JSON.
var notSeries = regexp.MustCompile(`/(?:semantic-conventions|live|live-api)\.md$`)

// namedSeries finds a series in a page: with the namespace, or in code by how names of series end.
var namedSeries = regexp.MustCompile(`[\w:]*\b` + settings.Namespace + `_([a-z0-9_]+)|` + "`" + `([a-z0-9_]+_(?:total|seconds|bytes|ratio))` + "`")

// TestPagesNameSeries: a series that a page speaks of is in the Catalog, so that a rename
// finds the pages that were written by hand.
func TestPagesNameSeries(t *testing.T) {
	pages := []string{root + "README.md"}
	err := fs.WalkDir(os.DirFS(root+"docs"), ".", func(file string, _ fs.DirEntry, err error) error {
		if strings.HasSuffix(file, ".md") {
			pages = append(pages, root+"docs/"+file)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	found := 0
	for _, page := range pages {
		text, err := os.ReadFile(page)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range namedSeries.FindAllStringSubmatch(string(text), -1) {
			name := strings.TrimPrefix(m[1]+m[2], settings.Namespace+"_")
			if m[2] == name && notSeries.MatchString(page) {
				continue
			}
			if strings.Contains(m[0], ":") || notOurs.MatchString(name) { // what is recorded is named with colons
				continue
			}
			found++
			if !isSeries(name) {
				t.Errorf("%s: there is no series %s", strings.TrimPrefix(page, root), name)
			}
		}
	}
	if found < 300 {
		t.Errorf("only %d names found", found)
	}
}

func isSeries(name string) bool {
	for _, m := range otelmail.Catalog() {
		rest, ok := strings.CutPrefix(name, m.Name)
		if ok && (rest == "" || rest == "_bucket" || rest == "_count" || rest == "_sum") {
			return true
		}
	}
	return slices.Contains(besideTheCatalog, name)
}
