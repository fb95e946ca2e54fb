package health_test

import (
	"context"
	"errors"
	"net/http"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rusmes/otelmail/health"
)

func TestReadyThroughALife(t *testing.T) {
	in(t, func(t *testing.T) {
		var broken atomic.Bool
		r := health.New()
		register(t, r, "storage", func(context.Context) error {
			time.Sleep(time.Second)
			if broken.Load() {
				return errors.New("down")
			}
			return nil
		}, health.Decides(health.Readiness))
		register(t, r, "relay", fails) // decides only /health

		wantReady(t, r, `{"ready":false,"reason":"starting"}`)
		start(t, r)
		wantReady(t, r, `{"ready":false,"reason":"starting"}`)
		later(time.Second)
		wantReady(t, r, `{"ready":true}`)

		broken.Store(true)
		later(11 * time.Second)
		wantReady(t, r, `{"ready":false,"reason":"check","failing":["storage"]}`)
		broken.Store(false)
		later(11 * time.Second)
		wantReady(t, r, `{"ready":true}`)

		// A new check holds readiness back until it has passed once.
		register(t, r, "queue", func(context.Context) error { time.Sleep(time.Second); return nil },
			health.Decides(health.Readiness))
		wantReady(t, r, `{"ready":false,"reason":"starting"}`)
		later(time.Second)
		wantReady(t, r, `{"ready":true}`)

		for range 2 {
			r.Drain()
			wantReady(t, r, `{"ready":false,"reason":"draining"}`)
		}
		wantAlive(t, r, true)
		later(time.Hour)
		wantReady(t, r, `{"ready":false,"reason":"draining"}`)
		wantState(t, r, "storage", health.StateHealthy) // checks go on
	})
}

func TestReadyWithoutChecks(t *testing.T) {
	in(t, func(t *testing.T) {
		r := health.New()
		wantReady(t, r, `{"ready":false,"reason":"starting"}`)
		start(t, r)
		wantReady(t, r, `{"ready":true}`)
		stop(t, r)
		wantReady(t, r, `{"ready":false,"reason":"draining"}`)
	})
}

func TestDrainBeforeStart(t *testing.T) {
	in(t, func(t *testing.T) {
		r := health.New()
		r.Drain()
		start(t, r)
		wantReady(t, r, `{"ready":false,"reason":"draining"}`)
	})
}

func TestLive(t *testing.T) {
	in(t, func(t *testing.T) {
		release := make(chan struct{})
		r := health.New()
		register(t, r, "loop", hangs(release), health.Decides(health.Liveness))
		register(t, r, "storage", fails, health.Decides(health.Readiness))
		wantAlive(t, r, true)
		start(t, r)
		wantAlive(t, r, true) // the first run is under way
		later(5 * time.Second)
		wantAlive(t, r, false)
		close(release)
		later(10 * time.Second)
		wantAlive(t, r, true)
		r.Drain()
		wantAlive(t, r, true)
	})
}

func TestAfterStopNothingIsHealthyButTheProcessIsAlive(t *testing.T) {
	in(t, func(t *testing.T) {
		r := health.New()
		register(t, r, "loop", holds, health.Decides(health.Liveness, health.Readiness))
		start(t, r)
		stop(t, r)
		if code, body := get(t, r.Handler(), "/health"); code != http.StatusServiceUnavailable || !strings.Contains(body, `"reason":"stopped"`) {
			t.Errorf("/health after Stop: %d %s", code, body)
		}
		wantReady(t, r, `{"ready":false,"reason":"draining"}`)
		later(14 * time.Second)
		wantState(t, r, "loop", health.StateHealthy)
		later(time.Second) // one interval and one time limit
		wantState(t, r, "loop", health.StateStale)
		wantAlive(t, r, true)
	})
}

func TestStopIsNotAFailureOfTheCheckItInterrupts(t *testing.T) {
	in(t, func(t *testing.T) {
		r := health.New()
		register(t, r, "storage", func(ctx context.Context) error { <-ctx.Done(); return ctx.Err() },
			health.Decides(health.Liveness))
		start(t, r)
		stop(t, r)
		wantState(t, r, "storage", health.StateStarting)
		later(time.Hour)
		wantState(t, r, "storage", health.StateStarting)
		wantAlive(t, r, true)
	})
}

func TestStopIsBounded(t *testing.T) {
	in(t, func(t *testing.T) {
		release := make(chan struct{})
		r := health.New()
		register(t, r, "storage", hangs(release))
		register(t, r, "dns", hangs(release))
		register(t, r, "queue", holds)
		start(t, r)
		r.Unregister("dns")

		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		began := time.Now()
		err := r.Stop(ctx)
		if !errors.Is(err, context.DeadlineExceeded) || !strings.Contains(err.Error(), "dns, storage:") {
			t.Errorf("Stop: %v, want a deadline that names dns and storage, and not queue", err)
		}
		if took := time.Since(began); took != time.Second {
			t.Errorf("Stop took %v, want 1s", took)
		}

		close(release)
		synctest.Wait()
		// Everything has ended: a context that is already over does not matter.
		if err := r.Stop(ctx); err != nil {
			t.Errorf("second Stop: %v", err)
		}
	})
}

func TestStartAndStopAgain(t *testing.T) {
	in(t, func(t *testing.T) {
		runs := 0
		r := health.New()
		register(t, r, "storage", func(context.Context) error { runs++; return nil })
		start(t, r)
		if err := r.Start(t.Context()); err != nil {
			t.Errorf("second Start: %v", err)
		}
		synctest.Wait()
		if runs != 1 {
			t.Errorf("%d runs after two Starts, want 1", runs)
		}
		stop(t, r)
		stop(t, r)
		if err := r.Start(t.Context()); err == nil || !strings.Contains(err.Error(), "stopped") {
			t.Errorf("Start after Stop: %v", err)
		}
		if err := r.Register("queue", holds); err == nil || !strings.Contains(err.Error(), "stopped") {
			t.Errorf("Register after Stop: %v", err)
		}
	})
}

func TestStopBeforeStart(t *testing.T) {
	r := health.New()
	register(t, r, "storage", holds)
	stop(t, r)
	wantReady(t, r, `{"ready":false,"reason":"draining"}`)
	wantState(t, r, "storage", health.StateStarting)
}

func TestStartRefusesADeadContext(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := health.New().Start(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("Start: %v, want context.Canceled", err)
	}
	var none context.Context
	if err := health.New().Start(none); err == nil {
		t.Error("Start took a nil context")
	}
	if err := health.New().Stop(none); err == nil {
		t.Error("Stop took a nil context")
	}
}

func TestTheEndOfTheContextGivenToStartStops(t *testing.T) {
	in(t, func(t *testing.T) {
		type key struct{}
		ctx, cancel := context.WithCancel(context.WithValue(t.Context(), key{}, "value"))
		r := health.New()
		register(t, r, "storage", func(ctx context.Context) error {
			if ctx.Value(key{}) != "value" {
				t.Error("the check does not see the values of Start's context")
			}
			return nil
		}, health.Decides(health.Readiness))
		if err := r.Start(ctx); err != nil {
			t.Fatal(err)
		}
		later(time.Minute)
		wantReady(t, r, `{"ready":true}`)
		cancel()
		synctest.Wait()
		wantReady(t, r, `{"ready":false,"reason":"draining"}`)
		if err := r.Register("queue", holds); err == nil {
			t.Error("Register works in a stopped registry")
		}
	})
}

func TestNoGoroutineIsLeft(t *testing.T) {
	before := runtime.NumGoroutine()
	for range 20 {
		r := health.New(health.OnChange(func(string, health.State, health.State) {}))
		register(t, r, "storage", health.WriteReadBack(t.TempDir()))
		register(t, r, "waits", func(ctx context.Context) error { <-ctx.Done(); return ctx.Err() })
		register(t, r, "ends", func(context.Context) error { runtime.Goexit(); return nil }, health.Interval(time.Millisecond))
		if err := r.Start(context.Background()); err != nil {
			t.Fatal(err)
		}
		register(t, r, "late", panics)
		r.Unregister("waits")
		stop(t, r)
	}
	deadline := time.Now().Add(time.Minute)
	for runtime.NumGoroutine() > before {
		if time.Now().After(deadline) {
			t.Fatalf("%d goroutines, %d before", runtime.NumGoroutine(), before)
		}
		runtime.Gosched()
	}
}
