package integration

import (
	"fmt"
	"strings"
	"testing"

	"github.com/rusmes/otelmail"
	"github.com/rusmes/otelmail/integration/internal/peer"
)

// wantAllSpans compares the spans of the whole run with the counters: there are as many
// as there were events, none is lost, none came twice.
func wantAllSpans(t *testing.T, c *peer.Collector, p page) {
	t.Helper()
	count := countSpans(c)
	for what, want := range map[string]float64{
		"SMTP session":              p[connections],
		"SMTP AUTH":                 p[authSuccess] + p[authFailure],
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
	// On a busy machine a client may give up between the reply and the handshake.
	if got := float64(count["STARTTLS and STLS"]); got < p[starttls] {
		t.Errorf("STARTTLS and STLS: %v spans, want those of %v upgrades at least", got, p[starttls])
	}
}

// countSpans counts spans by name, and by the facts about mail that they carry.
func countSpans(c *peer.Collector) map[string]int {
	count := map[string]int{}
	for _, span := range spansByID(c) {
		count[span.Name]++
		if _, verb, _ := strings.Cut(span.Name, " "); verb == "STARTTLS" || verb == "STLS" {
			count["STARTTLS and STLS"]++
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
	}
	bounces := map[string]bool{} // a record comes twice where an answer to the first push was too late, as a span does
	for _, record := range c.Logs() {
		if record.EventName == "email.bounced" {
			bounces[fmt.Sprint(record.Time.UnixNano(), record.TraceID, record.SpanID, record.Attributes)] = true
		}
	}
	count["bounces"] = len(bounces)
	return count
}

// wantTheResource wants every signal to carry the resource of the demo.
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
	spanOf := map[string]string{} // the text of a record, to the name of its span
	for _, record := range c.Logs() {
		text := fmt.Sprint(record.Body)
		if record.EventName == "email.rejected" && record.Attributes["email.rejection.stage"] == "connect" {
			continue // there is no session yet
		}
		span, ok := spans[spanID{record.TraceID, record.SpanID}]
		if !ok {
			t.Errorf("the log record %q is of the span %s/%s, which did not arrive", text, record.TraceID, record.SpanID)
			continue
		}
		spanOf[text] = span.Name
	}
	for text, span := range map[string]string{
		"accepted": "SMTP DATA", "dropped": "queue dequeue", "bounced": "queue dequeue",
	} {
		if spanOf[text] != span {
			t.Errorf("the log record %q is of the span %q, want %q; there are %v", text, spanOf[text], span, spanOf)
		}
	}
	for _, outcome := range []string{"delivered", "deferred", "failed"} {
		if !strings.HasPrefix(spanOf[outcome], "deliver ") {
			t.Errorf("the log record %q is of the span %q, want a delivery's", outcome, spanOf[outcome])
		}
	}
}
