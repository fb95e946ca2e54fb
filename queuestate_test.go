package otelmail_test

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"
	"time"

	"go.opentelemetry.io/otel/attribute"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"

	"github.com/rusmes/otelmail"
)

// fractions are the values of a gauge of fractions, by the value of its one label.
func fractions(t testing.TB, r sdkmetric.Reader, name string) map[string]float64 {
	t.Helper()
	got := map[string]float64{}
	gauge, _ := collect(t, r)["rusmes_"+name].Data.(metricdata.Gauge[float64])
	for _, p := range gauge.DataPoints {
		v, _ := p.Attributes.Value(attribute.Key(catalogued(name).Labels[0].Key))
		got[v.AsString()] = p.Value
	}
	return got
}

// checkSum holds queue_size against the sum of the states, in one collection.
func checkSum(t *testing.T, r sdkmetric.Reader, step string, want int64) {
	t.Helper()
	got := values(t, r)
	sum := int64(0)
	for _, state := range []string{"ready", "active", "deferred", "hold"} {
		sum += got["queue_messages/"+state]
	}
	if sum != want || got["queue_size"] != want {
		t.Errorf("%s: the states add up to %d and queue_size is %d, want %d", step, sum, got["queue_size"], want)
	}
}

// TestTheSizeIsTheSumOfTheStates whatever the function does, and whatever is counted beside
// it.
func TestTheSizeIsTheSumOfTheStates(t *testing.T) {
	tel, reader := start(t, otelmail.WithErrorHandler(func(error) {}))
	q := tel.Queue
	q.Size.Add(5)
	release := make(chan struct{})
	t.Cleanup(func() { close(release) })
	var answer atomic.Pointer[func() (otelmail.QueueState, error)]
	answers := func(f func() (otelmail.QueueState, error)) { answer.Store(&f) }
	q.Observe(func(context.Context) (otelmail.QueueState, error) { return (*answer.Load())() })
	holds := func(ready, hold int64) func() (otelmail.QueueState, error) {
		return func() (otelmail.QueueState, error) {
			return otelmail.QueueState{Ready: otelmail.QueueShare{Messages: ready}, Hold: otelmail.QueueShare{Messages: hold, Bytes: -1}}, nil
		}
	}
	beside := func() { enqueue(t.Context(), tel, otelmail.MessageFacts{}, otelmail.CauseNone) }

	answers(holds(3, 4))
	checkSum(t, reader, "an answer", 7)
	beside()
	checkSum(t, reader, "counted beside", 7)
	answers(holds(-1, 4))
	checkSum(t, reader, "a negative number", 4)
	answers(func() (otelmail.QueueState, error) { return otelmail.QueueState{}, errors.New("no connection") })
	beside()
	checkSum(t, reader, "failed", 4)
	answers(func() (otelmail.QueueState, error) { panic("no connection") })
	checkSum(t, reader, "panicked", 4)
	checkValue(t, tel, 4, "queue_size")
	checkValue(t, tel, 4, "queue_messages", "hold")
	checkValue(t, tel, 0, "queue_bytes", "hold")
	answers(holds(30, 40))
	checkValue(t, tel, 30, "queue_messages", "ready")
	answers(func() (otelmail.QueueState, error) { <-release; return otelmail.QueueState{}, nil })
	began := time.Now()
	checkSum(t, reader, "hangs", 70)
	if took := time.Since(began); took > 10*time.Second {
		t.Errorf("a collection waited %v for the function", took)
	}

	q.Observe(nil)
	got := values(t, reader)
	if got["queue_messages/ready"] != 0 || got["queue_size"] != 70 {
		t.Errorf("no longer observed: %v, want the size as it was last told", got)
	}
	beside()
	checkValue(t, tel, 71, "queue_size")
}

// TestTheQueueHasOneFunction: the last one that was given.
func TestTheQueueHasOneFunction(t *testing.T) {
	tel, reader := start(t)
	states := func(context.Context) (otelmail.QueueState, error) {
		return otelmail.QueueState{Deferred: otelmail.QueueShare{Messages: 2}}, nil
	}
	tel.Queue.Observe(states)
	checkSum(t, reader, "states", 2)
	tel.Queue.Size.Observe(func(context.Context) (int64, error) { return 9, nil })
	if got := values(t, reader); got["queue_size"] != 9 || got["queue_messages/deferred"] != 0 {
		t.Errorf("with a function for the size alone: %v", got)
	}
	tel.Queue.Observe(states)
	checkSum(t, reader, "states again", 2)
}

// TestOldestAge is computed at each collection, so that it goes on where the function fails.
func TestOldestAge(t *testing.T) {
	tel, reader := start(t, otelmail.WithErrorHandler(func(error) {}))
	before := fractions(t, reader, "queue_oldest_age_seconds")
	for _, state := range []string{"ready", "active", "deferred", "hold"} {
		if age, there := before[state]; !there || age != 0 {
			t.Errorf("%s: %v, %t before anybody has told", state, age, there)
		}
	}
	var fails atomic.Bool
	tel.Queue.Observe(func(context.Context) (otelmail.QueueState, error) {
		if fails.Load() {
			return otelmail.QueueState{}, errors.New("no connection")
		}
		return otelmail.QueueState{
			Ready:    otelmail.QueueShare{Messages: 1, Oldest: time.Now().Add(-time.Hour)},
			Active:   otelmail.QueueShare{Messages: 1, Oldest: time.Now().Add(time.Hour)}, // a clock that was set back
			Deferred: otelmail.QueueShare{Messages: 1},
			Hold:     otelmail.QueueShare{Oldest: time.Now().Add(-time.Hour)}, // of no message
		}, nil
	})
	got := fractions(t, reader, "queue_oldest_age_seconds")
	if got["ready"] < 3600 || got["ready"] > 3660 || got["active"] != 0 || got["deferred"] != 0 || got["hold"] != 0 {
		t.Errorf("ages %v", got)
	}
	fails.Store(true)
	if later := fractions(t, reader, "queue_oldest_age_seconds"); later["ready"] <= got["ready"] {
		t.Errorf("age %v after %v, want it to go on", later["ready"], got["ready"])
	}
}

// TestSourceAge: how old what is shown is, for whatever a function tells.
func TestSourceAge(t *testing.T) {
	tel, reader := start(t, otelmail.WithErrorHandler(func(error) {}))
	if got := fractions(t, reader, "telemetry_source_age_seconds"); len(got) != 0 {
		t.Errorf("nothing is observed, and %v is shown", got)
	}
	var fails atomic.Bool
	tel.Queue.Observe(func(context.Context) (otelmail.QueueState, error) {
		if fails.Load() {
			return otelmail.QueueState{}, errors.New("no connection")
		}
		return otelmail.QueueState{}, nil
	})
	time.Sleep(20 * time.Millisecond) // without an answer the queue's function is the older one
	tel.Storage.Bytes.Observe(func(context.Context) (int64, error) { return 0, errors.New("never") })
	ages := func() (queue, storage float64) {
		t.Helper()
		got := fractions(t, reader, "telemetry_source_age_seconds")
		if len(got) != 2 {
			t.Fatalf("ages of %v, want those of the queue and the storage", got)
		}
		return got["queue_size"], got["storage_bytes"]
	}
	_, never := ages()
	fails.Store(true)
	_, before := ages()
	time.Sleep(20 * time.Millisecond)
	stale, still := ages()
	if stale < 0.02 || still < before+0.02 || before < never {
		t.Errorf("the queue's answer is %v s old, the storage's %v s after %v s and %v s", stale, still, before, never)
	}
	fails.Store(false)
	if fresh, still := ages(); fresh >= still {
		t.Errorf("an answer that was just given is %v s old, one that never was %v s", fresh, still)
	}
	tel.Storage.Bytes.Observe(nil)
	if got := fractions(t, reader, "telemetry_source_age_seconds"); len(got) != 1 {
		t.Errorf("no longer observed, and shown: %v", got)
	}
}
