package demo

import (
	"net"
	"net/url"
	"slices"
	"testing"
	"time"

	"go.opentelemetry.io/otel/trace"
)

// Of twelve attempts, which are ten notifications, one is gone at the second
// attempt, one is given up after two, and one finds the subscription gone.
func TestPushesAreCountedExactly(t *testing.T) {
	spans, record := recorded()
	d := running(t, quick(), record)
	if err := d.traffic.pushSubscribe(t.Context(), 0); err != nil {
		t.Fatal(err)
	}
	letters := 0
	deliver := func(n int, delivered, givenUp int64) {
		t.Helper()
		for range n {
			letters++
			if err := d.traffic.sendInbound(t.Context(), letters); err != nil {
				t.Fatal(err)
			}
		}
		idle(t, d)
		eventually(t, "all are notified", func() bool { return value(t, d, pushed)+value(t, d, pushGivenUp) >= delivered+givenUp })
		compare(t, d, counts{pushed: delivered, pushGivenUp: givenUp})
	}
	deliver(3, 3, 0)
	deliver(1, 4, 0) // 503, then taken
	deliver(2, 6, 0)
	deliver(1, 6, 1) // 503 twice
	deliver(2, 8, 1)
	deliver(1, 8, 2) // 410
	deliver(2, 8, 2) // nobody is subscribed
	if err := d.traffic.pushSubscribe(t.Context(), 0); err != nil {
		t.Fatal(err)
	}
	deliver(1, 9, 2)

	var statuses []string
	of := map[trace.TraceID]bool{}
	all := spans.GetSpans()
	for _, s := range all {
		if s.Name != "push" {
			continue
		}
		if got := lineage(all, s); got != accepted+" > queue dequeue > deliver local > push" {
			t.Errorf("a push in %s", got)
		}
		of[s.SpanContext.TraceID()] = true
		for _, kv := range s.Attributes {
			if kv.Key == "http.response.status_code" {
				statuses = append(statuses, kv.Value.String())
			}
		}
	}
	want := []string{"201", "201", "201", "503", "201", "201", "201", "503", "503", "201", "201", "410", "201"}
	if !slices.Equal(statuses, want) || len(of) != 11 {
		t.Errorf("statuses %v in %d traces, want %v in 11", statuses, len(of), want)
	}
}

// A push service that does not answer holds up neither the mail nor the end.
func TestAHungPushServiceHarmsNobody(t *testing.T) {
	d := begin(t, quick())
	silent, err := net.Listen("tcp", "127.0.0.1:0") // connects, and that is all
	if err != nil {
		t.Fatal(err)
	}
	defer silent.Close()
	d.push.subscribe(&url.URL{Scheme: "http", Host: silent.Addr().String(), Path: "/push/x"})
	for n := range 5 {
		if err := d.traffic.sendInbound(t.Context(), n); err != nil {
			t.Fatal(err)
		}
	}
	idle(t, d)
	compare(t, d, counts{delivered: 5, pushed: 0})
	began := time.Now()
	stop(t, d)
	if took := time.Since(began); took > pushLimit+sessionsLimit {
		t.Errorf("stopped after %v", took)
	}
	compare(t, d, counts{pushed: 0, pushGivenUp: 5})
}
