package picture

import (
	"encoding/xml"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

const root = "../../../"

// TestCommittedPictures: each dashboard has its two pictures, which show the panels that it has
// now, in their order. What they show differs each time: `make pictures` draws them anew.
func TestCommittedPictures(t *testing.T) {
	files, err := filepath.Glob(root + "dashboards/*.json")
	if err != nil || len(files) == 0 {
		t.Fatalf("no dashboards: %v", err)
	}
	page, err := os.ReadFile(root + "docs/dashboards.md")
	if err != nil {
		t.Fatal(err)
	}
	var wanted []string
	for _, file := range files {
		d, err := Read(file)
		if err != nil {
			t.Fatal(err)
		}
		var titles []string
		for _, p := range d.Panels {
			titles = append(titles, p.Title)
		}
		for _, how := range []string{"calm", "trouble"} {
			name := d.Name + "-" + how + ".svg"
			wanted = append(wanted, name)
			if !regexp.MustCompile(`!\[[^\]]+\]\(pictures/` + regexp.QuoteMeta(name) + `\)`).Match(page) {
				t.Errorf("docs/dashboards.md does not show %s, with a text that says what it is", name)
			}
			svg, err := os.ReadFile(root + "docs/pictures/" + name)
			if err != nil {
				t.Error(err)
				continue
			}
			// A long title has been written in two lines.
			if got, want := strings.Join(bold(t, svg), " "), strings.Join(titles, " "); got != want {
				t.Errorf("%s shows other panels than the dashboard has: make pictures draws it anew\n%s\n%s", name, got, want)
			}
			if len(svg) > 150_000 {
				t.Errorf("%s has %d bytes: a coarser step makes it smaller", name, len(svg))
			}
		}
	}
	kept, err := os.ReadDir(root + "docs/pictures")
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range kept {
		if !slices.Contains(wanted, file.Name()) {
			t.Errorf("docs/pictures/%s is of no dashboard", file.Name())
		}
	}
}

// bold is the texts of a picture that are titles.
func bold(t *testing.T, svg []byte) []string {
	t.Helper()
	type text struct {
		Style string `xml:"style,attr"`
		Says  string `xml:",chardata"`
	}
	var picture struct {
		Texts []text `xml:"g>text"`
	}
	if err := xml.Unmarshal(svg, &picture); err != nil {
		t.Fatal(err)
	}
	var all []string
	for _, one := range picture.Texts {
		if strings.HasPrefix(one.Style, "font-weight:bold") {
			all = append(all, one.Says)
		}
	}
	return all
}
