package integration

import (
	"fmt"
	"maps"
	"net"
	"slices"
	"strings"
	"testing"

	"github.com/rusmes/otelmail"
	"github.com/rusmes/otelmail/catalog"
	"github.com/rusmes/otelmail/integration/internal/peer"
)

// ofItself reports whether a series is about the telemetry itself, or the server's health: it
// rises when something is wrong with that, or with every push.
func ofItself(m catalog.Metric) bool {
	return strings.HasPrefix(m.Name, "telemetry_") || m.Name == "health_check_changes_total"
}

// labelValues are the values to expect for labels without a closed set.
var labelValues = map[string][]string{
	"check":  {"disk", "dns", "imap", "jmap", "oldest", "otlp", "pop3", "pop3s", "queue", "roundtrip", "smtp", "storage", "submissions"},
	"domain": {"example.org", "legacy.example", "limited.example", "partner.example", "slow.example", "supplier.example"},
}

// anyOf are the series of which the demo cannot move every value.
var anyOf = map[string]bool{
	"connections_lost_total": true,
	"queue_messages":         true, "queue_bytes": true, "queue_oldest_age_seconds": true, // nothing is ready for long
	"delivery_throttled_total": true, "tlsrpt_sessions_total": true, "outbound_connect_failures_total": true,
	"panics_total": true, "spam_verdicts_total": true, "acme_errors_total": true, "log_records_total": true,
}

// selectors returns what has to move of a metric, as PromQL selects it: each value of its
// one label, or any of its label sets where it has several labels; for a histogram it is
// the count of what was recorded.
func selectors(m catalog.Metric) []string {
	name := m.FullName(namespace)
	if m.Kind == catalog.Histogram {
		name += "_count"
	}
	if len(m.Labels) != 1 || anyOf[m.Name] {
		return []string{name}
	}
	label := m.Labels[0]
	values := label.Values
	if values == nil {
		values = labelValues[label.Key]
	}
	if !m.Preset() && values == nil || m.Kind == catalog.Histogram {
		return []string{name}
	}
	var all []string
	for _, value := range values {
		all = append(all, fmt.Sprintf("%s{%s=%q}", name, label.Key, value))
	}
	return all
}

func TestPrometheusScrapesTheDemo(t *testing.T) {
	t.Parallel()
	collector := peer.StartCollector(t)
	d := startDemo(t, launch{rate: 20, env: pushTo(collector, "http/protobuf")})
	for _, address := range []string{d.smtp, d.imap, d.jmap, d.pop3} {
		open, err := net.Dial("tcp", address) // or every scrape might see 0 active connections
		if err != nil {
			t.Fatal(err)
		}
		defer open.Close()
	}
	prometheus := peer.StartPrometheusWith(t, peer.WithTargets(d.web),
		peer.WithScrapeSettings("scrape_interval: 10s\nscrape_timeout: 10s")) // a busy machine may take seconds for anything
	prometheus.WaitUp(patience)

	t.Run("types", func(t *testing.T) { wantTypes(t, prometheus) })
	t.Run("from the first scrape", func(t *testing.T) { wantFromTheFirstScrape(t, prometheus) })
	t.Run("everything moves", func(t *testing.T) { wantMoves(t, prometheus) })
	t.Run("a short page", func(t *testing.T) { wantShort(t, d.classicPage()) })
	t.Run("exemplars", func(t *testing.T) { wantExemplars(t, prometheus, collector) })
	t.Run("always up", func(t *testing.T) {
		if up := prometheus.Query("min_over_time(up[1h])"); len(up) != 1 || up[0].Value != 1 {
			t.Errorf("up was not always 1: %+v; the longest scrape: %+v", up,
				prometheus.Query("max_over_time(scrape_duration_seconds[1h])"))
		}
	})
	prometheus.Stop()
	d.stop()
	d.wantEmptyLog()
}

// wantShort wants few lines on the page of a busy server, beside domains and senders,
// however much has moved: a scraper pays for each.
func wantShort(t *testing.T, page string) {
	t.Helper()
	lines := 0
	for line := range strings.Lines(page) {
		if !strings.Contains(line, `domain="`) && !strings.Contains(line, `user_hash="`) {
			lines++
		}
	}
	if lines >= 1500 || lines < 600 {
		t.Errorf("the page has %d lines, want fewer than 1,500, and more than an idle server's", lines)
	}
}

func wantTypes(t *testing.T, prometheus *peer.Prometheus) {
	metadata := prometheus.Metadata()
	for _, m := range otelmail.Catalog() {
		name := m.FullName(namespace)
		if m.Kind == catalog.Counter {
			name = strings.TrimSuffix(name, "_total")
		}
		got := metadata[name]
		if len(got) != 1 || got[0].Type != m.Kind.String() || !strings.HasPrefix(got[0].Help, m.Help) {
			t.Errorf("metadata of %s is %+v, want the type %v and the help %q", name, got, m.Kind, m.Help)
		}
	}
}

// wantFromTheFirstScrape wants each series that is there before any event to
// have as many samples as there were scrapes.
func wantFromTheFirstScrape(t *testing.T, prometheus *peer.Prometheus) {
	const scrapes = "scalar(count_over_time(up[1h]))"
	for _, m := range otelmail.Catalog() {
		if !m.Preset() && !strings.HasPrefix(m.Name, "health_check_") {
			continue // is there from its first event
		}
		for _, series := range selectors(m) {
			expr := fmt.Sprintf("count_over_time(%s[1h]) == %s", series, scrapes)
			if got := prometheus.Query(expr); len(got) == 0 {
				t.Errorf("%s was not on every scraped page: %+v of %+v", series,
					prometheus.Query("count_over_time("+series+"[1h])"), prometheus.Query(scrapes))
			}
		}
	}
}

// wantMoves wants every series to be more than 0 at some time, except those that are about
// trouble with the telemetry.
func wantMoves(t *testing.T, prometheus *peer.Prometheus) {
	waiting := map[string]bool{}
	for _, m := range otelmail.Catalog() {
		if ofItself(m) && m.Name != "telemetry_sent_total" {
			continue
		}
		for _, series := range selectors(m) {
			waiting[series] = true
		}
	}
	peer.Eventually(t, patience, func() error {
		for series := range waiting {
			if len(prometheus.Query("max_over_time("+series+"[1h]) > 0")) > 0 {
				delete(waiting, series)
			}
		}
		if len(waiting) > 0 {
			return fmt.Errorf("still 0: %v", slices.Sorted(maps.Keys(waiting)))
		}
		return nil
	})
}

// wantExemplars wants exemplars of every histogram, each of a span that the
// Collector has.
func wantExemplars(t *testing.T, prometheus *peer.Prometheus, collector *peer.Collector) {
	for _, m := range otelmail.Catalog() {
		if m.Kind != catalog.Histogram || m.Name == "dnsbl_lookup_duration_seconds" || m.Name == "round_trip_duration_seconds" { // asked in the background: no span is about it
			continue
		}
		var exemplars []peer.SeriesExemplar
		peer.Eventually(t, patience, func() error {
			exemplars = prometheus.Exemplars(m.FullName(namespace) + "_bucket")
			if len(exemplars) == 0 {
				return fmt.Errorf("no exemplar of %s", m.Name)
			}
			return nil
		})
		peer.Eventually(t, patience, func() error {
			spans := spansByID(collector)
			for _, e := range exemplars {
				if _, ok := spans[spanID{e.Labels["trace_id"], e.Labels["span_id"]}]; !ok {
					return fmt.Errorf("the exemplar %+v of %s is of a span that did not arrive", e.Labels, m.Name)
				}
			}
			return nil
		})
	}
}

// The two gauges keep a name that dashboards rely on.
func TestPromtoolFindsTheTwoKnownNames(t *testing.T) {
	t.Parallel()
	d := startDemo(t, launch{rate: 20})
	peer.Eventually(t, patience, func() error {
		if p := d.page(); p["rusmes_mail_bounced_total"] == 0 {
			return fmt.Errorf("no bounce yet")
		}
		return nil
	})
	output, _ := peer.Promtool(t, []byte(d.classicPage()), "check", "metrics")
	var named []string
	for line := range strings.Lines(output) {
		name, _, _ := strings.Cut(line, " ")
		named = append(named, name)
	}
	slices.Sort(named)
	if want := []string{"rusmes_mailboxes_total", "rusmes_messages_total"}; !slices.Equal(named, want) {
		t.Errorf("promtool names %v, want %v:\n%s", named, want, output)
	}
	d.stop()
	d.wantEmptyLog()
}
