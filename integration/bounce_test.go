package integration

import (
	"slices"
	"strings"
	"testing"

	"github.com/rusmes/otelmail/integration/internal/peer"
)

// TestABounceIsInTheMessagesTrace follows a message that the other server defers
// until it is given up: four attempts, then a bounce into the sender's mailbox,
// all in the trace of the session that accepted it.
func TestABounceIsInTheMessagesTrace(t *testing.T) {
	t.Parallel()
	c := peer.StartCollector(t)
	d := startDemo(t, launch{env: pushTo(c, "http/protobuf")})
	if err := d.submit(own, "always-defer-"+marker+"@slow.example"); err != nil {
		t.Fatal(err)
	}
	p := d.settled()
	if p[bounced] != 1 || p[retries] != 3 {
		t.Errorf("%v bounces and %v retries, want 1 and 3", p[bounced], p[retries])
	}
	d.stop()
	d.wantEmptyLog()

	byID := spansByID(c)
	var attempts []string
	bounces, local := 0, 0
	for _, span := range c.Traces() {
		line := lineage(byID, span)
		if !strings.HasPrefix(line, "SMTP session") {
			t.Errorf("%s does not lead back to the session", line)
		}
		switch span.Name {
		case "deliver smtp":
			if line != deliverSpan || span.Kind != "client" || span.Status != "error" ||
				span.Attributes["error.type"] != "4.3.0" || span.Attributes["email.recipient.domain"] != "slow.example" {
				t.Errorf("%s: %s, %s, %v", line, span.Kind, span.Status, span.Attributes)
			}
			outcome, _ := span.Attributes["email.delivery.outcome"].(string)
			attempts = append(attempts, outcome)
		case "deliver local":
			local++
			if span.Status == "error" || span.Attributes["email.delivery.outcome"] != "delivered" {
				t.Errorf("the bounce's delivery: %s, %v", span.Status, span.Attributes)
			}
		}
		wantLink(t, byID, span)
	}
	for _, record := range c.Logs() {
		if record.EventName == "email.bounced" {
			bounces++
		}
	}
	slices.Sort(attempts)
	if want := []string{"deferred", "deferred", "deferred", "failed"}; !slices.Equal(attempts, want) {
		t.Errorf("the attempts ended as %v, want %v", attempts, want)
	}
	if bounces != 1 || local != 1 {
		t.Errorf("%d spans note a bounce and %d bounces were delivered, want 1 and 1", bounces, local)
	}
}
