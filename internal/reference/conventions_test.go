package reference_test

import (
	"maps"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/rusmes/otelmail"
	"github.com/rusmes/otelmail/internal/settings"
)

// TestConventionsArgueEveryName holds docs/semantic-conventions.md, which is written by hand, to
// what there is: each attribute, span, event and series begins a row of one of its tables, no
// row is about anything else, and none has a gap.
func TestConventionsArgueEveryName(t *testing.T) {
	page, err := os.ReadFile(root + "docs/semantic-conventions.md")
	if err != nil {
		t.Fatal(err)
	}
	argued := map[string]bool{}
	for line := range strings.Lines(string(page)) {
		row, ok := strings.CutPrefix(strings.TrimSpace(line), "| ")
		if !ok {
			continue
		}
		cells := strings.Split(strings.TrimSuffix(row, " |"), " | ")
		if slices.ContainsFunc(cells, func(c string) bool { return strings.Trim(c, "| ") == "" }) {
			t.Errorf("an empty cell in: %s", line)
		}
		for _, name := range quoted.FindAllStringSubmatch(cells[0], -1) {
			argued[name[1]] = true
		}
	}

	names := namesOf(t)
	if len(names) < 150 {
		t.Fatalf("only %d names found", len(names))
	}
	for _, name := range slices.Sorted(maps.Keys(names)) {
		if !argued[name] {
			t.Errorf("docs/semantic-conventions.md has no row for %s", name)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(argued)) {
		if !names[name] {
			t.Errorf("docs/semantic-conventions.md has a row for %s, which is nowhere", name)
		}
	}
}

// namesOf returns the names of attributes, spans, events and series: those of the catalogue, and
// those that other pages have, which are held to the code.
func namesOf(t *testing.T) map[string]bool {
	t.Helper()
	names := map[string]bool{}
	for _, m := range otelmail.Catalog() {
		names[m.FullName(settings.Namespace)] = true
	}
	for file, pattern := range map[string]*regexp.Regexp{
		"docs/attributes.md": firstInRow,
		"docs/events.md":     firstInRow,
		"docs/spans.md":      spanOrOpenTelemetrys,
	} {
		page, err := os.ReadFile(root + file)
		if err != nil {
			t.Fatal(err)
		}
		for _, found := range pattern.FindAllStringSubmatch(string(page), -1) {
			names[strings.Join(found[1:], "")] = true // one of them is empty
		}
	}
	return names
}

var (
	quoted     = regexp.MustCompile("`([^`]+)`")
	firstInRow = regexp.MustCompile("(?m)^\\| `([^`]+)`")
	// spanOrOpenTelemetrys finds the rows of spans, and attributes wherever they stand.
	spanOrOpenTelemetrys = regexp.MustCompile("(?m)^\\| `([^`]+)`[^|]* \\| (?:INTERNAL|SERVER|CLIENT|PRODUCER|CONSUMER)\\b" +
		"|`((?:client|error|http|messaging|network|server|tls|url|user)\\.[a-z0-9_.]*[a-z0-9])`")
)
