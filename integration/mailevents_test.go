package integration

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/rusmes/otelmail/integration/internal/peer"
)

// TestTheEventsOfAMessage follows a message that the user submits and the other server
// defers twice, by what a Collector gets and by the local log, with all spans recorded and
// with none.
func TestTheEventsOfAMessage(t *testing.T) {
	want := []string{"email.queued", "email.accepted", "email.attempt", "email.deferred",
		"email.attempt", "email.deferred", "email.attempt", "email.delivered"}
	for _, sampler := range []string{"always_on", "parentbased_always_off"} {
		t.Run(sampler, func(t *testing.T) {
			t.Parallel()
			c := peer.StartCollector(t)
			d := startDemo(t, launch{env: append(pushTo(c, "http/protobuf"), "OTEL_TRACES_SAMPLER="+sampler,
				"RUSMES_LOG_MAIL_EVENTS=true", "RUSMES_LOG_LEVEL=info", "RUSMES_LOG_FORMAT=text")})
			if err := d.submit(own, "defer-"+marker+"@slow.example"); err != nil {
				t.Fatal(err)
			}
			d.settled()
			d.stop()

			var events []peer.Log
			for _, record := range c.Logs() {
				if record.EventName != "" {
					events = append(events, record)
				}
			}
			slices.SortStableFunc(events, func(a, b peer.Log) int { return a.Time.Compare(b.Time) })
			var names []string
			for _, e := range events {
				names = append(names, e.EventName)
				if e.TraceID == "" || e.TraceID != events[0].TraceID || e.SpanID == "" {
					t.Errorf("%s is of the trace %q, the first of %q", e.EventName, e.TraceID, events[0].TraceID)
				}
				if id := e.Attributes["messaging.message.id"]; id == nil || id != events[0].Attributes["messaging.message.id"] {
					t.Errorf("%s is about the message %v", e.EventName, id)
				}
				if e.Severity != "INFO" || e.SeverityNumber != 9 || e.Body != e.EventName || e.Time.IsZero() {
					t.Errorf("%s: %+v", e.EventName, e)
				}
			}
			if !slices.Equal(names, want) {
				t.Fatalf("the Collector got %v, want %v", names, want)
			}
			last := events[len(events)-1]
			for key, value := range map[string]any{
				"email.delivery.attempt": int64(3), "email.delivery.transport": "smtp", "email.recipient.domain": "slow.example",
				"email.from.domain": "example.org", "smtp.response.status_code": int64(250), "tls.protocol.version": "1.3",
			} {
				if last.Attributes[key] != value {
					t.Errorf("the last event's %s is %v, want %v", key, last.Attributes[key], value)
				}
			}
			if waited, ok := last.Attributes["email.queue.wait"].(float64); !ok || waited <= 0 {
				t.Errorf("the message has waited for %v", last.Attributes["email.queue.wait"])
			}

			var lines []string
			for line := range strings.Lines(d.stderr.String()) {
				if _, name, ok := strings.Cut(line, " msg=email."); ok {
					name, _, _ = strings.Cut(name, " ")
					lines = append(lines, "email."+name)
					if want := fmt.Sprintf("trace_id=%s ", events[0].TraceID); !strings.Contains(line, want) {
						t.Errorf("not in the trace: %s", line)
					}
				}
			}
			if !slices.Equal(lines, want) {
				t.Errorf("the log has %v, want %v", lines, want)
			}
		})
	}
}
