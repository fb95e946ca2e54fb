package life_test

import (
	"math"
	"testing"
	"time"

	"go.opentelemetry.io/otel/attribute"

	"github.com/rusmes/otelmail/exporters/live/internal/life"
)

// TestClockSetBack: how long attempts took, and how long a message waited between them, is
// what it was by its time in the queue, although the clock was set back in between, by 2.5 s
// and by a minute. Where nobody tells that time, it is by the clock.
func TestClockSetBack(t *testing.T) {
	for name, tc := range map[string]struct {
		inQueue [3]float64 // at the events of the attempts
		took    float64    // of the 1st attempt
		waited  float64    // for the 2nd
	}{
		"known":     {[3]float64{2, 5, 95}, 3, 90},
		"not known": {[3]float64{}, 0.5, 30},
	} {
		t.Run(name, func(t *testing.T) {
			s := open(t, life.Config{})
			emit, begun := emitterAt(s), time.Now()
			event := func(at time.Time, name string, attempt int, inQueue float64) {
				attrs := []attribute.KeyValue{attribute.String("messaging.message.id", "Q1")}
				if attempt > 0 {
					attrs = append(attrs, attribute.Int("email.delivery.attempt", attempt), attribute.String("email.recipient.domain", "partner.example"))
				}
				if inQueue > 0 {
					attrs = append(attrs, attribute.Float64("email.queue.wait", inQueue))
				}
				emit(at, name, attrs...)
			}
			event(begun, "email.queued", 0, 0)
			event(begun.Add(2*time.Second), "email.attempt", 1, tc.inQueue[0])
			event(begun.Add(5*time.Second-2500*time.Millisecond), "email.deferred", 1, tc.inQueue[1])
			event(begun.Add(95*time.Second-62500*time.Millisecond), "email.attempt", 2, tc.inQueue[2])
			found := search(t, s, "Q1")
			if len(found.Messages) != 1 || names(found.Messages[0].Steps) != "queued deferred:1 attempt:2" {
				t.Fatalf("found %+v", found.Messages)
			}
			steps := found.Messages[0].Steps
			if took, waited := steps[1].Took, steps[2].Waited; math.Abs(took-tc.took) > 1e-6 || math.Abs(waited-tc.waited) > 1e-6 {
				t.Errorf("the 1st attempt took %v s, and the 2nd came %v s later; want %v and %v", took, waited, tc.took, tc.waited)
			}
			if w := steps[1].Waited; math.Abs(w-2) > 1e-6 {
				t.Errorf("the 1st attempt came after %v s", w)
			}
		})
	}
}

// TestOrderWithAClockSetBack: a life is told in the order in which it happened, although the
// clock was set back by an hour in the middle of it; so is one that came to disk.
func TestOrderWithAClockSetBack(t *testing.T) {
	for name, c := range map[string]life.Config{"memory": {}, "disk": {Dir: t.TempDir(), MaxBytes: 8 << 20, MaxAge: 24 * time.Hour}} {
		t.Run(name, func(t *testing.T) {
			s := open(t, c)
			emit, now := emitterAt(s), time.Now()
			id := attribute.String("messaging.message.id", "Q1")
			attempt := func(n int) []attribute.KeyValue {
				return []attribute.KeyValue{id, attribute.Int("email.delivery.attempt", n), attribute.String("email.recipient.domain", "partner.example")}
			}
			emit(now, "email.queued", id)
			emit(now.Add(time.Second), "email.attempt", attempt(1)...)
			emit(now.Add(2*time.Second), "email.deferred", attempt(1)...)
			emit(now.Add(-time.Hour), "email.attempt", attempt(2)...)
			emit(now.Add(time.Second-time.Hour), "email.delivered", attempt(2)...)
			found := search(t, s, "Q1")
			if len(found.Messages) != 1 || names(found.Messages[0].Steps) != "queued deferred:1 delivered:2" || found.Messages[0].State != "delivered" {
				t.Errorf("found %+v", found.Messages)
			}
		})
	}
}
