package integration

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/rusmes/otelmail"
	"github.com/rusmes/otelmail/catalog"
	"github.com/rusmes/otelmail/integration/internal/peer"
)

// adding is a Collector that adds up differences for a Prometheus. It sends one request at a
// time, because Prometheus wants them in order.
const adding = `
processors:
  deltatocumulative: {max_stale: 24h}
exporters:
  otlp_http/prometheus:
    metrics_endpoint: %q
    sending_queue: {num_consumers: 1}
service:
  pipelines:
    metrics: {processors: [deltatocumulative], exporters: [otlp_http/prometheus]}
`

// adds is a demo that pushes differences, a Collector that adds them up, and the Prometheus that
// has the sums.
type adds struct {
	t          *testing.T
	launch     launch
	demo       *demo
	collector  *peer.Collector
	prometheus *peer.Prometheus
}

func startAdds(t *testing.T, preference string) *adds {
	t.Helper()
	a := &adds{t: t, prometheus: peer.StartPrometheusWith(t, peer.WithOTLPReceiver())}
	a.collector = peer.StartCollector(t, peer.WithConfig(fmt.Sprintf(adding, a.prometheus.OTLPMetricsURL())))
	a.launch = launch{env: append(pushTo(a.collector, "http/protobuf"),
		"OTEL_RESOURCE_ATTRIBUTES=service.instance.id=mx1", "OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE="+preference)}
	a.demo = startDemo(t, a.launch)
	return a
}

// letters are brought and everything about them comes to rest.
func (a *adds) letters(n int) page {
	a.t.Helper()
	for range n {
		if err := a.demo.bringLetter(own); err != nil {
			a.t.Fatal(err)
		}
	}
	return a.demo.settled()
}

// nonZero are the counters and the histograms of the Catalog in which something was counted,
// but for those about telemetry itself: each push moves them.
func nonZero(p page) page {
	found := page{}
	for _, m := range otelmail.Catalog() {
		name := m.FullName(namespace)
		for series, value := range p {
			rest, ours := strings.CutPrefix(series, name)
			switch {
			case !ours || ofItself(m) || m.Kind == catalog.Gauge:
			case m.Kind == catalog.Counter && (rest == "" || rest[0] == '{'):
				found[series] = value
			case m.Kind == catalog.Histogram && p[countOf(series)] > 0:
				found[series] = value
			}
		}
	}
	return found
}

// countOf is the series with the count of a histogram, of which another series is a part.
func countOf(series string) string {
	name, labels, _ := strings.Cut(series, "{")
	for _, suffix := range []string{"_bucket", "_sum", "_count"} {
		name = strings.TrimSuffix(name, suffix)
	}
	labels = strings.TrimSuffix(labels, "}")
	if i := strings.LastIndex(labels, "le="); i >= 0 {
		labels = strings.TrimSuffix(labels[:i], ",")
	}
	if labels != "" {
		return name + "_count{" + labels + "}"
	}
	return name + "_count"
}

// stored is how much each series has grown in Prometheus, where it begins anew whenever it falls.
func (a *adds) stored() page {
	a.t.Helper()
	all := page{}
	for _, series := range a.prometheus.Samples(time.Now().Add(time.Minute), `{__name__=~"`+namespace+`_.+"}[1h]`) {
		labels, le := ownLabels(series.Labels)
		var sum, last float64
		for _, s := range series.Samples {
			if s.Value < last {
				last = 0
			}
			sum += s.Value - last
			last = s.Value
		}
		all[seriesName(series.Labels["__name__"], labels, le)] = sum
	}
	return all
}

// same waits until Prometheus has what is wanted.
func (a *adds) same(read, want func() page) {
	a.t.Helper()
	peer.Eventually(a.t, patience, func() error {
		want := want()
		var all []error
		for _, d := range differences("Prometheus", withSumsOf(want, read()), want) {
			all = append(all, errors.New(d))
		}
		if len(all) > 0 {
			return fmt.Errorf("%d of %d series are different: %w", len(all), len(want), errors.Join(all...))
		}
		return nil
	})
}

func (a *adds) held() page  { return nonZero(heldBy(a.prometheus, "")) }
func (a *adds) shown() page { return nonZero(a.demo.page()) }

// counters leaves out the histograms, and what the demo's certificate does once a minute.
func counters(p page) page {
	p = maps.Clone(p)
	maps.DeleteFunc(p, func(series string, _ float64) bool {
		return strings.HasPrefix(series, "rusmes_acme_") || slices.ContainsFunc(otelmail.Catalog(), func(m catalog.Metric) bool {
			return m.Kind == catalog.Histogram && strings.HasPrefix(series, m.FullName(namespace)+"_")
		})
	})
	return p
}

const sessionDuration = "rusmes_smtp_session_duration_seconds"

// What a demo pushes as differences are the totals of its page in Prometheus, once the
// Collector has added them up. It keeps the exemplars of the first difference of each series
// alone; those of totals it passes on.
func TestDifferencesBecomeTotals(t *testing.T) {
	t.Parallel()
	for preference, keeps := range map[string]int{"delta": 1, "cumulative": 3} {
		t.Run(preference, func(t *testing.T) {
			t.Parallel()
			a := startAdds(t, preference)
			for range 3 {
				a.letters(1)
				a.same(a.held, a.shown)
			}
			for _, e := range append(mailEvents(), refusalEvents()...) {
				if err := e.happen(a.demo); err != nil {
					t.Fatalf("%s: %v", e.name, err)
				}
			}
			a.demo.settled()
			a.same(a.held, a.shown)
			traces := map[string]bool{}
			for _, e := range a.prometheus.Exemplars(sessionDuration + "_bucket") {
				traces[e.Labels["trace_id"]] = true
			}
			if got := len(traces); got != keeps && (preference == "delta" || got < keeps) {
				t.Errorf("there are exemplars of %d sessions, want %d: has docs/prometheus.md to be changed?", got, keeps)
			}
			wantExemplarsExist(t, a)
			a.demo.stop()
		})
	}
}

// wantExemplarsExist wants the span of each exemplar to have arrived.
func wantExemplarsExist(t *testing.T, a *adds) {
	t.Helper()
	exemplars := a.prometheus.Exemplars(`{__name__=~"` + namespace + `_.+"}`)
	if len(exemplars) < 10 {
		t.Errorf("there are %d exemplars", len(exemplars))
	}
	peer.Eventually(t, patience, func() error {
		spans := spansByID(a.collector)
		for _, e := range exemplars {
			if _, ok := spans[spanID{e.Labels["trace_id"], e.Labels["span_id"]}]; !ok {
				return fmt.Errorf("the exemplar %+v of %v is of a span that did not arrive", e.Labels, e.Series)
			}
		}
		return nil
	})
}

// The counters of a demo that starts again begin anew, as they do without differences: its
// process.pid, which the Collector tells streams apart by, is another one.
func TestDifferencesOfARestartedDemo(t *testing.T) {
	t.Parallel()
	a := startAdds(t, "delta")
	a.letters(3)
	a.same(a.held, a.shown)
	a.demo.stop()
	a.demo = startDemo(t, a.launch)
	a.letters(2)
	a.same(a.held, a.shown)
	all := a.stored()
	for _, series := range []string{"rusmes_smtp_connections_total", received, processed, delivered, sessionDuration + "_count"} {
		if now, ever := a.shown()[series], all[series]; now != 2 || ever != 5 {
			t.Errorf("%s: the demo shows %v, and Prometheus has got %v; want 2 and 5", series, now, ever)
		}
	}
}

// A Collector that starts again has forgotten its sums. Counters, which are in every push, fall
// to 0, and increase() knows what that means. A histogram is pushed only with what is new: if
// that is no less than what there was, nobody sees that it began anew.
func TestDifferencesOfARestartedCollector(t *testing.T) {
	t.Parallel()
	a := startAdds(t, "delta")
	a.letters(1)
	a.same(a.held, a.shown)
	before := a.shown()
	a.collector.Restart()
	peer.Eventually(t, patience, func() error {
		if n := a.held()[received]; n != 0 {
			return fmt.Errorf("%v letters, want the sum to begin anew", n)
		}
		return nil
	})
	a.letters(1)
	if got := a.shown()[received] - before[received]; got != 1 {
		t.Fatalf("%v letters came", got)
	}
	a.same(func() page { return counters(nonZero(a.stored())) }, func() page { return counters(a.shown()) })
	if got, shown := a.stored()[sessionDuration+"_count"], a.shown()[sessionDuration+"_count"]; got != 1 || shown != 2 {
		t.Errorf("%v sessions are in Prometheus, %v on the page; want 1 of 2: has docs/prometheus.md to be changed?", got, shown)
	}
}
