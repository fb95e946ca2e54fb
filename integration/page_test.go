package integration

import (
	"fmt"
	"maps"
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/rusmes/otelmail/integration/internal/peer"
)

const namespace = "rusmes"

// page is the series of our namespace on /metrics, by name and labels as written there.
type page map[string]float64

// page reads /metrics in the classic text format.
func (d *demo) page() page {
	d.t.Helper()
	return readPage(d.t, d.classicPage())
}

func (d *demo) classicPage() string {
	d.t.Helper()
	status, text := d.get("/metrics", "Accept", "text/plain;version=0.0.4")
	if status != http.StatusOK {
		d.t.Fatalf("/metrics: %d %s", status, text)
	}
	return text
}

// seriesLine is a series, its value, and in OpenMetrics what follows on that.
var seriesLine = regexp.MustCompile(`^([a-z0-9_]+(?:\{(?:[^"}]|"(?:[^"\\]|\\.)*")*\})?) (\S+)`)

// readPage reads the classic text format, or OpenMetrics, in which le is another text for
// the same number.
func readPage(t *testing.T, text string) page {
	t.Helper()
	p := page{}
	for l := range strings.Lines(text) {
		if !strings.HasPrefix(l, namespace+"_") {
			continue
		}
		parts := seriesLine.FindStringSubmatch(l)
		if parts == nil {
			t.Fatalf("/metrics: %q is no series with a value", l)
		}
		value, err := strconv.ParseFloat(parts[2], 64)
		if err != nil {
			t.Fatalf("/metrics: %q: %v", l, err)
		}
		p[wholeNumber.ReplaceAllString(parts[1], `le="$1"}`)] = value
	}
	if len(p) == 0 {
		t.Fatalf("/metrics has no series of %s:\n%.1000s", namespace, text)
	}
	return p
}

var wholeNumber = regexp.MustCompile(`le="([0-9]+)\.0"\}$`)

// settled returns the page once nobody is connected and the queue is empty.
func (d *demo) settled() page {
	d.t.Helper()
	var p page
	peer.Eventually(d.t, patience, func() error {
		p = d.page()
		for _, series := range []string{`rusmes_active_connections{protocol="smtp"}`, `rusmes_active_connections{protocol="imap"}`,
			`rusmes_active_connections{protocol="pop3"}`, "rusmes_queue_size"} {
			if p[series] != 0 {
				return fmt.Errorf("%s is %v, want 0", series, p[series])
			}
		}
		return nil
	})
	return p
}

// differences compares two pages; what is the name of the first.
func differences(name string, got, want page) []string {
	var all []string
	both := maps.Clone(want)
	maps.Copy(both, got)
	for _, series := range slices.Sorted(maps.Keys(both)) {
		g, has := got[series]
		w, wants := want[series]
		switch {
		case !has:
			all = append(all, fmt.Sprintf("%s is missing in %s, want %v", series, name, w))
		case !wants:
			all = append(all, fmt.Sprintf("%s is %v in %s, want none", series, g, name))
		case g != w:
			all = append(all, fmt.Sprintf("%s is %v in %s, want %v", series, g, name, w))
		}
	}
	return all
}
