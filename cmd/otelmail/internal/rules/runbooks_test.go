package rules

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

var headings = []string{"## What it means", "## Who is hurt", "## How to look", "## What to do", "## When it is over"}

// TestRunbooks holds alerts and pages together.
func TestRunbooks(t *testing.T) {
	index, err := os.ReadFile(root + "docs/runbooks/README.md")
	if err != nil {
		t.Fatal(err)
	}
	wanted := map[string]bool{}
	for _, r := range alerts() {
		wanted[r.Alert] = true
	}
	pages, err := filepath.Glob(root + "docs/runbooks/*.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range pages {
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		name := strings.TrimSuffix(filepath.Base(path), ".md")
		for _, series := range ourNames("rusmes", string(text)) {
			if !inCatalog("rusmes", series) && series != "rusmes_telemetry_scrape_errors_total" {
				t.Errorf("%s.md: the Catalog has no %s", name, series)
			}
		}
		if name == "README" {
			continue
		}
		if !wanted[name] {
			t.Errorf("%s.md is the page of no alert", name)
		}
		delete(wanted, name)
		if !strings.Contains(string(index), "("+name+".md)") {
			t.Errorf("README.md does not lead to %s.md", name)
		}
		if got := regexp.MustCompile(`(?m)^## .*`).FindAllString(string(text), -1); !slices.Equal(got, headings) || !strings.HasPrefix(string(text), "# "+name+"\n") {
			t.Errorf("%s.md has %q, want %q below its name", name, got, headings)
		}
	}
	for name := range wanted {
		t.Errorf("%s has no page in docs/runbooks", name)
	}
}
