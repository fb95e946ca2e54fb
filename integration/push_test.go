package integration

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/rusmes/otelmail"
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
		d.wantQuiet()

		// The last push, at the end, says the same.
		if err := errors.Join(metricsDiffer(lastMetrics(c), p)...); err != nil {
			t.Errorf("after the end: %v", err)
		}
		wantAllSpans(t, c, p)
		wantTheResource(t, c)
		wantLogsWithinTraces(t, c)
		if i := bytes.Index(bytes.ToLower(c.Raw()), []byte(marker)); i >= 0 {
			t.Errorf("what no mail was to give away is in the telemetry: …%s…", c.Raw()[max(0, i-200):i+100])
		}
	})
}

// metricsDiffer compares what was pushed with the page: same names, kinds,
// units, labels and numbers.
func metricsDiffer(pushed map[string]peer.Metric, p page) []error {
	var all []error
	for _, m := range otelmail.Catalog() {
		if ofItself(m) {
			continue // never the same before and after a push
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
			if ours && (rest == "" || rest[0] == '{' || m.Kind == otelmail.Histogram) {
				want[series] = value
			}
		}
		for _, difference := range differences("what was pushed", pushedPage(got), want) {
			all = append(all, errors.New(difference))
		}
	}
	return all
}

// pushedKind is the kind of a metric in Prometheus' words.
func pushedKind(m peer.Metric) string {
	switch {
	case m.Kind == "sum" && m.Monotonic && m.Temporality == "cumulative":
		return otelmail.Counter.String()
	case m.Kind == "gauge":
		return otelmail.Gauge.String()
	case m.Kind == "histogram" && m.Temporality == "cumulative":
		return otelmail.Histogram.String()
	}
	return fmt.Sprintf("%s (%s, monotonic %t)", m.Kind, m.Temporality, m.Monotonic)
}

// pushedPage writes a pushed metric as /metrics does.
func pushedPage(m peer.Metric) page {
	p := page{}
	for _, point := range m.Points {
		labels := ""
		for key, value := range point.Attributes {
			labels += fmt.Sprintf("{%s=%q}", key, value) // no series has two
		}
		if m.Kind != "histogram" {
			p[m.Name+labels] = point.Value
			continue
		}
		var sum float64
		for i, n := range point.BucketCounts {
			sum += float64(n)
			bound := "+Inf"
			if i < len(point.Bounds) {
				bound = fmt.Sprint(point.Bounds[i])
			}
			p[fmt.Sprintf("%s_bucket{le=%q}", m.Name, bound)] = sum
		}
		p[m.Name+"_count"], p[m.Name+"_sum"] = float64(point.Count), point.Sum
	}
	return p
}

// wantAllSpans holds the spans of the whole run against the counters: as many
// as there were events, none lost, none twice.
func wantAllSpans(t *testing.T, c *peer.Collector, p page) {
	t.Helper()
	count := countSpans(c)
	for what, want := range map[string]float64{
		"SMTP session":              p[connections],
		"SMTP AUTH":                 p[authSuccess] + p[authFailure],
		"upgrades to TLS":           p[starttls],
		"accepted":                  p[received],
		"queue enqueue":             p[received] + p[bounced],
		"mail process":              p[processed],
		"delivered":                 p[delivered],
		"delivered smtp":            p[sent],
		"further delivery attempts": p[retries],
		"bounces":                   p[bounced],
	} {
		if got := float64(count[what]); got != want {
			t.Errorf("%s: %v spans, want %v", what, got, want)
		}
	}
}

// countSpans counts spans by name, and by what they say of mail.
func countSpans(c *peer.Collector) map[string]int {
	count := map[string]int{}
	for _, span := range spansByID(c) {
		count[span.Name]++
		if _, verb, _ := strings.Cut(span.Name, " "); verb == "STARTTLS" || verb == "STLS" {
			count["upgrades to TLS"]++ // in any protocol
		}
		command := span.Attributes["smtp.command"]
		if (command == "DATA" || command == "BDAT") && span.Attributes["smtp.response.status_code"] == int64(250) {
			count["accepted"]++
		}
		if span.Attributes["email.delivery.outcome"] == "delivered" {
			count["delivered"]++
			count["delivered "+fmt.Sprint(span.Attributes["email.delivery.transport"])]++
		}
		if n, ok := span.Attributes["email.delivery.attempt"].(int64); ok && n > 1 {
			count["further delivery attempts"]++
		}
		for _, event := range span.Events {
			if event.Name == "email.bounce" {
				count["bounces"]++
			}
		}
	}
	return count
}

// wantTheResource wants every signal to say who it is from.
func wantTheResource(t *testing.T, c *peer.Collector) {
	t.Helper()
	resources := map[string]map[string]any{}
	for _, span := range c.Traces() {
		resources["spans"] = span.Resource
	}
	for _, metric := range c.Metrics() {
		resources["metrics"] = metric.Resource
	}
	for _, record := range c.Logs() {
		resources["logs"] = record.Resource
	}
	for _, signal := range []string{"spans", "metrics", "logs"} {
		got := resources[signal]
		for key, want := range map[string]any{
			"service.name": "otelmail-demo", "service.version": otelmail.Version,
			"deployment.environment.name": "test", "host.name": "mx1", "telemetry.sdk.language": "go",
		} {
			if got[key] != want {
				t.Errorf("%s: the resource's %s is %v, want %v", signal, key, got[key], want)
			}
		}
		if id := got["service.instance.id"]; id == nil || id != resources["spans"]["service.instance.id"] {
			t.Errorf("%s: service.instance.id is %v, want that of the spans", signal, id)
		}
	}
}

// wantLogsWithinTraces wants every record of the mail's way to name a span that
// has arrived.
func wantLogsWithinTraces(t *testing.T, c *peer.Collector) {
	t.Helper()
	spans := spansByID(c)
	said := map[string]string{} // what was said, to the span it was said in
	for _, record := range c.Logs() {
		text := fmt.Sprint(record.Body)
		span, ok := spans[spanID{record.TraceID, record.SpanID}]
		if !ok {
			t.Errorf("the log record %q is of the span %s/%s, which did not arrive", text, record.TraceID, record.SpanID)
			continue
		}
		said[text] = span.Name
	}
	for text, span := range map[string]string{
		"accepted": "SMTP DATA", "dropped": "queue dequeue", "bounced": "queue dequeue",
	} {
		if said[text] != span {
			t.Errorf("the log record %q is of the span %q, want %q; there are %v", text, said[text], span, said)
		}
	}
	for _, outcome := range []string{"delivered", "deferred", "failed"} {
		if !strings.HasPrefix(said[outcome], "deliver ") {
			t.Errorf("the log record %q is of the span %q, want a delivery's", outcome, said[outcome])
		}
	}
}
