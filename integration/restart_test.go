package integration

import (
	"fmt"
	"os"
	"testing"

	"github.com/rusmes/otelmail/integration/internal/peer"
)

// A message that is deferred when the demo ends is delivered by the next one,
// in the trace of the session that accepted it.
func TestATraceSurvivesARestart(t *testing.T) {
	for name, end := range map[string]func(*demo){
		"SIGTERM": func(d *demo) { d.stop() },
		"SIGKILL": (*demo).kill,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for range 5 { // on a busy machine its third attempt may come before the end
				if survives(t, end) {
					return
				}
			}
			t.Error("each time the message was delivered before the end: nothing was left to a second run")
		})
	}
}

// survives reports whether the message waited when the first run ended.
func survives(t *testing.T, end func(*demo)) bool {
	t.Helper()
	c := peer.StartCollector(t)
	l := launch{flags: []string{"--spool", t.TempDir()}, env: pushTo(c, "http/protobuf")}
	first := startDemo(t, l)
	if err := first.submit(own, "defer-"+marker+"@slow.example"); err != nil {
		t.Fatal(err)
	}
	// A kill loses what was not sent: the session. And queue dequeue ends once the spool has
	// the outcome: killed before that, the message begins anew.
	peer.Eventually(t, patience, func() error {
		if n := countSpans(c); n["queue dequeue"] == 0 || n["SMTP session"] == 0 {
			return fmt.Errorf("of the first run have arrived: %v", n)
		}
		return nil
	})
	end(first)
	accepted := named(t, c, "queue enqueue")[0]
	if countSpans(c)["delivered"] > 0 {
		return false
	}

	second := startDemo(t, l)
	peer.Eventually(t, patience, func() error {
		if n := countSpans(c)["delivered"]; n != 1 {
			return fmt.Errorf("delivered %d times, want once", n)
		}
		return nil
	})
	p := second.settled()
	if p[delivered] != 1 || p[received] != 0 || p[processed] != 0 {
		t.Errorf("the second run delivered %v, accepted %v and processed %v, want 1, 0 and 0", p[delivered], p[received], p[processed])
	}
	second.stop()
	wantContinued(t, c, accepted)
	return true
}

// wantContinued wants everything that the second process did to be part of the trace that
// the first one began.
func wantContinued(t *testing.T, c *peer.Collector, accepted peer.Span) {
	t.Helper()
	process := accepted.Resource["process.pid"]
	spans := spansByID(c)
	var taken, sent int
	for _, span := range spans {
		if span.TraceID != accepted.TraceID {
			t.Errorf("%s is in another trace", span.Name)
		}
		if span.Resource["process.pid"] == process {
			continue
		}
		switch span.Name {
		case "queue dequeue":
			taken++
			if len(span.Links) != 1 || span.Links[0].SpanID != accepted.SpanID || span.ParentID != accepted.SpanID {
				t.Errorf("queue dequeue has the parent %s and the links %v, want the span %s", span.ParentID, span.Links, accepted.SpanID)
			}
		case "deliver smtp":
			sent++
			if got := lineage(spans, span); got != deliverSpan {
				t.Errorf("deliver smtp is %s, want %s", got, deliverSpan)
			}
		default:
			t.Errorf("the second run has a span %s", span.Name)
		}
	}
	if taken == 0 || taken != sent {
		t.Errorf("the second run has %d spans of the queue and %d of deliveries, want some, and as many", taken, sent)
	}
}

// named returns the spans of a name, and wants at least one.
func named(t *testing.T, c *peer.Collector, name string) []peer.Span {
	t.Helper()
	var spans []peer.Span
	for _, span := range spansByID(c) {
		if span.Name == name {
			spans = append(spans, span)
		}
	}
	if len(spans) == 0 {
		t.Fatalf("no span %s", name)
	}
	return spans
}

// TestARestartIsTheSameInstance: the process that comes after another one, on the same address,
// goes on with its series.
func TestARestartIsTheSameInstance(t *testing.T) {
	t.Parallel()
	if id, err := os.ReadFile("/etc/machine-id"); err != nil || len(id) < 32 {
		t.Skipf("this machine has no id: %q, %v", id, err)
	}
	c := peer.StartCollector(t)
	l := launch{flags: []string{"--http", peer.FreeAddresses(t, 1)[0]}, env: pushTo(c, "http/protobuf")}
	for range 2 {
		d := startDemo(t, l)
		if err := d.submit(own, marker+"@partner.example"); err != nil {
			t.Fatal(err)
		}
		d.stop()
	}
	processes, instances := map[any]bool{}, map[any]bool{}
	for _, metric := range c.Metrics() {
		processes[metric.Resource["process.pid"]], instances[metric.Resource["service.instance.id"]] = true, true
	}
	if len(processes) != 2 || len(instances) != 1 || instances[nil] {
		t.Errorf("the metrics are of the processes %v and the instances %v, want two and one", processes, instances)
	}
}
