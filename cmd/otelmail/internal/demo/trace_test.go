package demo

import (
	"strings"
	"testing"

	"go.opentelemetry.io/otel/sdk/trace/tracetest"
	"go.opentelemetry.io/otel/trace"
)

// lineage is a span's name with those of its ancestors, the eldest first.
func lineage(spans tracetest.SpanStubs, s tracetest.SpanStub) string {
	names := []string{s.Name}
	for s.Parent.IsValid() {
		i := indexOf(spans, s.Parent.SpanID())
		if i < 0 {
			names = append(names, "?")
			break
		}
		s = spans[i]
		names = append(names, s.Name)
	}
	var b strings.Builder
	for i := len(names) - 1; i >= 0; i-- {
		b.WriteString(" > " + names[i])
	}
	return strings.TrimPrefix(b.String(), " > ")
}

func indexOf(spans tracetest.SpanStubs, id trace.SpanID) int {
	for i, s := range spans {
		if s.SpanContext.SpanID() == id {
			return i
		}
	}
	return -1
}

const accepted = "SMTP session > SMTP DATA > queue enqueue"

func TestOneMessageIsOneTrace(t *testing.T) {
	spans, record := recorded()
	d := running(t, quick(), record)
	if err := d.traffic.sendDeferred(t.Context(), 1); err != nil {
		t.Fatal(err)
	}
	idle(t, d)
	compareTrace(t, spans.GetSpans(), map[string]int{
		"SMTP session":                               1,
		"SMTP session > SMTP EHLO":                   2, // before and after STARTTLS
		"SMTP session > SMTP STARTTLS":               1,
		"SMTP session > SMTP AUTH":                   1,
		"SMTP session > SMTP MAIL":                   1,
		"SMTP session > SMTP RCPT":                   1,
		"SMTP session > SMTP DATA":                   1,
		"SMTP session > SMTP QUIT":                   1,
		accepted:                                     1,
		accepted + " > queue dequeue":                3,
		accepted + " > queue dequeue > mail process": 1,
		accepted + " > queue dequeue > mail process > mailet spam-filter": 1,
		accepted + " > queue dequeue > mail process > mailet virus-scan":  1,
		accepted + " > queue dequeue > mail process > mailet rate-limit":  1,
		accepted + " > queue dequeue > deliver smtp":                      3,
	})
}

func TestABounceStaysInTheTrace(t *testing.T) {
	spans, record := recorded()
	d := running(t, quick(), record)
	if err := d.traffic.submit(t.Context(), 1, d.traffic.own(), "reject@supplier.example"); err != nil {
		t.Fatal(err)
	}
	idle(t, d)
	all := spans.GetSpans()
	const bounce = accepted + " > queue dequeue > queue enqueue > queue dequeue > deliver local"
	for _, s := range all {
		if lineage(all, s) == bounce {
			return
		}
	}
	t.Errorf("no %s among %v", bounce, traceShape(all))
}

func traceShape(spans tracetest.SpanStubs) map[string]int {
	shape := map[string]int{}
	for _, s := range spans {
		shape[lineage(spans, s)]++
	}
	return shape
}

// compareTrace holds all spans against what they must be, and to one trace.
func compareTrace(t *testing.T, spans tracetest.SpanStubs, want map[string]int) {
	t.Helper()
	got := traceShape(spans)
	for name, n := range want {
		if got[name] != n {
			t.Errorf("%s: %d times, want %d", name, got[name], n)
		}
	}
	for name, n := range got {
		if want[name] == 0 {
			t.Errorf("%s: %d times, want none", name, n)
		}
	}
	for _, s := range spans {
		if s.SpanContext.TraceID() != spans[0].SpanContext.TraceID() {
			t.Errorf("%s is in another trace", s.Name)
		}
		for _, kv := range s.Attributes {
			if strings.Contains(kv.Value.String(), "@") {
				t.Errorf("%s: %s holds an address: %s", s.Name, kv.Key, kv.Value.String())
			}
		}
	}
}

// What a delivery says of itself.
func TestTheFactsOfADelivery(t *testing.T) {
	spans, record := recorded()
	d := running(t, quick(), record)
	if err := d.traffic.submit(t.Context(), 1, d.traffic.own(), "defer@slow.example"); err != nil {
		t.Fatal(err)
	}
	idle(t, d)
	var attempts []map[string]string
	for _, s := range spans.GetSpans() {
		if s.Name != "deliver smtp" {
			continue
		}
		facts := map[string]string{}
		for _, kv := range s.Attributes {
			facts[string(kv.Key)] = kv.Value.String()
		}
		attempts = append(attempts, facts)
	}
	if len(attempts) != 3 {
		t.Fatalf("%d attempts, want 3", len(attempts))
	}
	for i, outcome := range []string{"deferred", "deferred", "delivered"} {
		for key, want := range map[string]string{
			"email.delivery.attempt":   string(rune('1' + i)),
			"email.delivery.outcome":   outcome,
			"email.delivery.transport": "smtp",
			"email.recipient.domain":   "slow.example",
			"email.tls.policy":         "opportunistic",
			"email.direction":          "outbound",
			"server.address":           remoteHost,
			"network.peer.address":     "127.0.0.1",
			"tls.established":          "true",
		} {
			if got := attempts[i][key]; got != want {
				t.Errorf("attempt %d: %s is %q, want %q", i+1, key, got, want)
			}
		}
	}
	if got := attempts[0]["error.type"]; got != "4.3.0" {
		t.Errorf("error.type of the first attempt: %q, want 4.3.0", got)
	}
}
