package otelmail_test

import (
	"context"
	"encoding/json"
	"strconv"
	"strings"
	"testing"
	"time"

	"go.opentelemetry.io/otel/sdk/metric/metricdata"

	"github.com/rusmes/otelmail"
)

// TestNegativeWaits: a wait that is negative by the clock counts, and is shown as 0. Another
// wait, and one that is not known, counts nothing.
func TestNegativeWaits(t *testing.T) {
	for name, at := range map[string]time.Time{"before": time.Now().Add(-time.Hour), "after": time.Now().Add(time.Hour), "not known": {}} {
		t.Run(name, func(t *testing.T) {
			tel, reader := start(t)
			tel.Queue.Observe(func(context.Context) (otelmail.QueueState, error) {
				return otelmail.QueueState{Ready: otelmail.QueueShare{Messages: 1, Oldest: at}, Hold: otelmail.QueueShare{Oldest: at}}, nil
			})
			m := otelmail.Message{QueueID: "q1", Enqueued: at}
			work := tel.Queue.Dequeue(t.Context(), m, otelmail.MessageFacts{})
			tel.Delivery.Attempt(work.Context(), otelmail.Attempt{Due: at}).End(otelmail.Reply{Code: 250})
			work.End(otelmail.CauseNone)
			tel.Queue.Remove(t.Context(), m, otelmail.RemovedDelivered)
			var want int64
			if name == "after" {
				want = 1
			}
			shown := collect(t, reader)
			for _, wait := range []string{"queue", "total", "due", "oldest"} {
				checkValue(t, tel, want, "telemetry_negative_waits_total", wait)
			}
			for _, of := range []string{"delivery_total_seconds", "queue_scheduler_lag_seconds"} {
				h, _ := shown["rusmes_"+of].Data.(metricdata.Histogram[float64]) // there is none before its first record
				for _, p := range h.DataPoints {
					if p.Sum < 0 || name == "after" && (p.Count != 1 || p.Sum != 0) {
						t.Errorf("%s: %d with the sum %v", of, p.Count, p.Sum)
					}
				}
			}
			for _, p := range shown["rusmes_queue_oldest_age_seconds"].Data.(metricdata.Gauge[float64]).DataPoints {
				if p.Value < 0 || name == "after" && p.Value != 0 {
					t.Errorf("the oldest is %v old", p.Value)
				}
			}
		})
	}
}

// TestWaitsWithinAProcess: what has not been stored is measured by the monotonic clock, which
// nobody sets; what comes from a spool, by the one that both processes have.
func TestWaitsWithinAProcess(t *testing.T) {
	s := spanOf(t, func(tel *otelmail.Telemetry) {
		m, _ := tel.Queue.Enqueue(t.Context(), otelmail.MessageFacts{})
		if !strings.Contains(m.Enqueued.String(), " m=") {
			t.Errorf("enqueued %v, without a reading of the monotonic clock", m.Enqueued)
		}
		stored, _ := json.Marshal(m)
		_ = json.Unmarshal(stored, &m)
		if strings.Contains(m.Enqueued.String(), " m=") {
			t.Errorf("enqueued %v, with a reading of another process's clock", m.Enqueued)
		}
		tel.Queue.Dequeue(t.Context(), m, otelmail.MessageFacts{}).End(otelmail.CauseNone)
	})
	if waited, err := strconv.ParseFloat(attrs(s)["email.queue.wait"], 64); err != nil || waited <= 0 || waited > 60 {
		t.Errorf("waited %v s, %v", waited, err)
	}
}
