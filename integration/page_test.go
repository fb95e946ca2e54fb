package integration

import (
	"fmt"
	"maps"
	"net/http"
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

func readPage(t *testing.T, text string) page {
	t.Helper()
	p := page{}
	for line := range strings.Lines(text) {
		if !strings.HasPrefix(line, namespace+"_") {
			continue
		}
		series, number, _ := strings.Cut(strings.TrimSuffix(line, "\n"), " ")
		value, err := strconv.ParseFloat(number, 64)
		if err != nil {
			t.Fatalf("/metrics: %q: %v", line, err)
		}
		p[series] = value
	}
	if len(p) == 0 {
		t.Fatalf("/metrics has no series of %s:\n%.1000s", namespace, text)
	}
	return p
}

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
