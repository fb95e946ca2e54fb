package demo

import (
	"net/netip"
	"strings"
	"testing"

	"go.opentelemetry.io/otel/trace"
)

// What the first server of a fleet accepts, and the last one delivers or bounces, is one
// trace. Strangers' mail is not relayed.
func TestAMessageCrossesAFleet(t *testing.T) {
	spans, record := recorded()
	ours := netip.MustParsePrefix("127.0.0.0/8")
	server := func(next *Demo) *Demo {
		c := quick()
		c.Fleet = ours
		if next != nil {
			c.Relayhost = next.ports.mx.Addr().String()
		}
		return running(t, c, record)
	}
	mailbox := server(nil)
	hub := server(mailbox)
	edge := server(hub)
	for _, send := range []func() error{
		func() error { return edge.traffic.sendInbound(t.Context(), 1) },
		func() error { return edge.traffic.sendRejected(t.Context(), 1) },
	} {
		if err := send(); err != nil {
			t.Fatal(err)
		}
	}
	for _, d := range []*Demo{edge, hub, mailbox} {
		idle(t, d)
	}
	one := accepted + " > queue dequeue > deliver"
	hop := one + " > queue enqueue > queue dequeue > deliver"
	last := hop + " > queue enqueue > queue dequeue > deliver"
	got := map[string]map[trace.TraceID]bool{}
	for _, s := range spans.GetSpans() {
		if strings.HasPrefix(s.Name, "deliver") {
			line := strings.NewReplacer("deliver smtp", "deliver", "deliver local", "deliver").Replace(lineage(spans.GetSpans(), s))
			if got[line] == nil {
				got[line] = map[trace.TraceID]bool{}
			}
			got[line][s.SpanContext.TraceID()] = true
		}
	}
	for _, line := range []string{one, hop, last} {
		if len(got[line]) != 2 {
			t.Errorf("%d traces have %s, want two", len(got[line]), line)
		}
	}
	if t.Failed() {
		for line, traces := range got {
			t.Log(len(traces), line)
		}
	}
	if n := value(t, mailbox, "mail_bounced_total"); n != 1 {
		t.Errorf("%d bounces, want one", n)
	}
	for name, d := range map[string]*Demo{"edge": edge, "hub": hub} {
		if n := value(t, d, "mail_bounced_total") + value(t, d, "messages_total"); n != 0 {
			t.Errorf("%s bounced or stored %d", name, n)
		}
	}
}
