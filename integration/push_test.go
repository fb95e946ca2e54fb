package integration

import (
	"bytes"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/rusmes/otelmail"
	"github.com/rusmes/otelmail/catalog"
	"github.com/rusmes/otelmail/integration/internal/peer"
)

func TestTheCollectorGetsEverything(t *testing.T) {
	forEachProtocol(t, func(t *testing.T, c *peer.Collector, protocol string) {
		d := startDemo(t, launch{env: append(pushTo(c, protocol),
			"OTEL_RESOURCE_ATTRIBUTES=deployment.environment.name=test,host.name=mx1")})
		for _, e := range append(mailEvents(), refusalEvents()...) {
			if err := e.happen(d); err != nil {
				t.Fatalf("%s: %v", e.name, err)
			}
		}
		p := d.settled()
		peer.Eventually(t, patience, func() error {
			return errors.Join(metricsDiffer(lastMetrics(c), p)...)
		})
		d.stop()
		d.wantEmptyLog()

		// The last push, at the end, has the same values.
		if err := errors.Join(metricsDiffer(lastMetrics(c), p)...); err != nil {
			t.Errorf("after the end: %v", err)
		}
		wantAllSpans(t, c, p)
		wantTheResource(t, c)
		wantLogsWithinTraces(t, c)
		if i := bytes.Index(bytes.ToLower(c.Raw()), []byte(marker)); i >= 0 {
			t.Errorf("an address or a subject is in the telemetry: …%s…", c.Raw()[max(0, i-200):i+100])
		}
	})
}

// ofNow are gauges that change though nobody does anything.
var ofNow = map[string]bool{
	"index_lag_seconds": true, "queue_oldest_age_seconds": true, "disk_free_ratio": true, "inode_free_ratio": true,
}

// metricsDiffer compares what was pushed with the page: same names, kinds,
// units, labels and numbers.
func metricsDiffer(pushed map[string]peer.Metric, p page) []error {
	var all []error
	for _, m := range otelmail.Catalog() {
		if ofItself(m) || ofNow[m.Name] {
			continue // not the same before and after a push
		}
		if !m.Preset() && !slices.ContainsFunc(slices.Collect(maps.Keys(p)), func(series string) bool {
			return strings.HasPrefix(series, m.FullName(namespace))
		}) {
			continue // nothing of it has happened
		}
		got, ok := pushed[m.FullName(namespace)]
		if !ok {
			all = append(all, fmt.Errorf("%s was not pushed", m.Name))
			continue
		}
		if kind := pushedKind(got); kind != m.Kind.String() || got.Unit != m.Unit || got.Description != m.Help {
			all = append(all, fmt.Errorf("%s is pushed as a %s in %q, %q; want %+v", got.Name, kind, got.Unit, got.Description, m))
		}
		want := page{}
		for series, value := range p {
			rest, ours := strings.CutPrefix(series, got.Name)
			if ours && (rest == "" || rest[0] == '{' || m.Kind == catalog.Histogram) {
				want[series] = value
			}
		}
		for _, difference := range differences("what was pushed", pushedPage(got), want) {
			all = append(all, errors.New(difference))
		}
	}
	return all
}

// pushedKind is the kind of a metric as Prometheus calls it.
func pushedKind(m peer.Metric) string {
	switch {
	case m.Kind == "sum" && m.Monotonic && m.Temporality == "cumulative":
		return catalog.Counter.String()
	case m.Kind == "gauge":
		return catalog.Gauge.String()
	case m.Kind == "histogram" && m.Temporality == "cumulative":
		return catalog.Histogram.String()
	}
	return fmt.Sprintf("%s (%s, monotonic %t)", m.Kind, m.Temporality, m.Monotonic)
}

// pushedPage writes a pushed metric as /metrics does.
func pushedPage(m peer.Metric) page {
	p := page{}
	for _, point := range m.Points {
		var labels []string
		for key, value := range point.Attributes {
			labels = append(labels, fmt.Sprintf("%s=%q", key, value))
		}
		slices.Sort(labels)
		if m.Kind != "histogram" {
			p[m.Name+braced(labels)] = point.Value
			continue
		}
		var sum float64
		for i, n := range point.BucketCounts {
			sum += float64(n)
			bound := "+Inf"
			if i < len(point.Bounds) {
				bound = fmt.Sprint(point.Bounds[i])
			}
			p[m.Name+"_bucket"+braced(append(slices.Clone(labels), fmt.Sprintf("le=%q", bound)))] = sum
		}
		p[m.Name+"_count"+braced(labels)], p[m.Name+"_sum"+braced(labels)] = float64(point.Count), point.Sum
	}
	return p
}

func braced(labels []string) string {
	if len(labels) == 0 {
		return ""
	}
	return "{" + strings.Join(labels, ",") + "}"
}
