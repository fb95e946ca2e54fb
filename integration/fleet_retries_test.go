package integration

import (
	"fmt"
	"testing"
	"time"

	"github.com/rusmes/otelmail/integration/internal/peer"
)

// Mail that is never taken is tried for seven seconds, and the gateway decides after three. As
// one trace it is torn: the gateway has dropped its beginning when the failure comes. Where what is
// tried again late is a trace of its own, whatever the gateway keeps is whole.
func TestLateRetriesAtTheGateway(t *testing.T) {
	const messages, young = 10, time.Second
	for name, tt := range map[string]struct {
		env  []string
		torn bool
	}{
		"one trace":          {nil, true},
		"a trace of its own": {[]string{"RUSMES_QUEUE_LINK_AFTER=" + young.String()}, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			all, kept := peer.StartCollector(t), peer.StartCollector(t)
			_, grpc := startSampler(t, all, kept, 3*time.Second, 0)
			d := startDemo(t, launch{flags: []string{"--fleet", "127.0.0.0/8"}, env: append(tt.env,
				"OTEL_EXPORTER_OTLP_ENDPOINT=http://"+grpc, "OTEL_EXPORTER_OTLP_PROTOCOL=grpc", "OTEL_BSP_SCHEDULE_DELAY=200")})
			for range messages {
				if err := d.bringLetter("always-defer-" + marker + "@slow.example"); err != nil {
					t.Fatal(err)
				}
			}
			d.settled()
			d.catchUp()
			quiet(t, 3*time.Second, all, kept)
			torn, failures := 0, 0
			for id, trace := range traces(kept.Traces()) {
				if !failed(trace) {
					t.Errorf("the trace %s was kept, and nothing failed in it", id)
				}
				failures++
				if !whole(trace) {
					torn++
				}
			}
			t.Logf("%d traces of failures were kept, %d of them without their beginning", failures, torn)
			switch {
			case tt.torn && (failures < messages/2 || torn != failures): // one that was dropped last is remembered, and all of it is
				t.Errorf("%d of %d were kept, and %d have lost their beginning: want most, and all of these torn", failures, messages, torn)
			case !tt.torn && (failures != messages || torn != 0):
				t.Errorf("%d of %d were kept, and %d have lost their beginning: want none", failures, messages, torn)
			}
			ids := map[any]int{} // every span of the queue has the queue id, whatever the trace
			for _, s := range all.Traces() {
				if s.Name == "queue dequeue" {
					ids[s.Attributes["messaging.message.id"]]++
				}
			}
			for id, attempts := range ids {
				if id == nil || attempts < 1 {
					t.Errorf("%d spans have the queue id %v", attempts, id)
				}
			}
		})
	}
}

// whole says whether the parent of every span is there.
func whole(spans []peer.Span) bool {
	ids := map[string]bool{"": true}
	for _, s := range spans {
		ids[s.SpanID] = true
	}
	for _, s := range spans {
		if !ids[s.ParentID] {
			return false
		}
	}
	return true
}

// quiet waits until nothing has come for so long that every decision has been made.
func quiet(t *testing.T, decisionWait time.Duration, collectors ...*peer.Collector) {
	t.Helper()
	last, since := -1, time.Now()
	peer.Eventually(t, 5*time.Minute, func() error {
		n := 0
		for _, c := range collectors {
			n += len(c.Traces())
		}
		if n != last {
			last, since = n, time.Now()
		}
		if quiet := time.Since(since); quiet < decisionWait+5*time.Second {
			return fmt.Errorf("the last span came %v ago", quiet)
		}
		return nil
	})
}
