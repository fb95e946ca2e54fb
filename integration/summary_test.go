package integration

import (
	"regexp"
	"strconv"
	"strings"
	"testing"
)

// summary is what a demo prints at its end.
type summary struct {
	text   string
	series map[string]float64 // by name without namespace, {value} after a labelled one
}

var summaryLine = regexp.MustCompile(`(?m)^ .* (\d+)   (\S+)$`)

func readSummary(t *testing.T, stdout string) summary {
	t.Helper()
	_, text, found := strings.Cut(stdout, "\nDraining:")
	if !found {
		t.Fatal("the demo did not print that it drains")
	}
	s := summary{text: text, series: map[string]float64{}}
	for _, line := range summaryLine.FindAllStringSubmatch(text, -1) {
		value, err := strconv.ParseFloat(line[1], 64)
		if err != nil {
			t.Fatalf("summary: %q: %v", line[0], err)
		}
		s.series[line[2]] = value
	}
	if len(s.series) == 0 {
		t.Fatalf("no series in the summary:\n%s", text)
	}
	return s
}

// page is the summary under the names of the page.
func (s summary) page() page {
	p := page{}
	for series, value := range s.series {
		p[pageName(series)] = value
	}
	return p
}
