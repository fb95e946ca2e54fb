package health_test

import (
	"context"
	"errors"
	"runtime"
	"sync/atomic"
	"testing"
	"time"

	"github.com/rusmes/otelmail/health"
)

func TestStateOfOneRun(t *testing.T) {
	tests := []struct {
		name  string
		check func(context.Context) error
		want  health.State
	}{
		{"nil", holds, health.StateHealthy},
		{"error", fails, health.StateUnhealthy},
		{"panic", panics, health.StatePanic},
		{"panic with nil", func(context.Context) error { panic(nil) }, health.StatePanic},
		{"ends its goroutine", func(context.Context) error { runtime.Goexit(); return nil }, health.StatePanic},
		{"a deadline of its own", func(context.Context) error { return context.DeadlineExceeded }, health.StateUnhealthy},
		{"ends with its context", func(ctx context.Context) error { <-ctx.Done(); return ctx.Err() }, health.StateTimeout},
		{"returns nil too late", func(context.Context) error { time.Sleep(6 * time.Second); return nil }, health.StateTimeout},
		{"slow but in time", func(context.Context) error { time.Sleep(4900 * time.Millisecond); return nil }, health.StateHealthy},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			in(t, func(t *testing.T) {
				var runs atomic.Int32
				r := health.New()
				register(t, r, "storage", func(ctx context.Context) error {
					runs.Add(1)
					return tt.check(ctx)
				})
				start(t, r)
				later(8 * time.Second)
				wantState(t, r, "storage", tt.want)
				failures := 1
				if tt.want == health.StateHealthy {
					failures = 0
				}
				if got := result(t, r, "storage").ConsecutiveFailures; got != failures {
					t.Errorf("%d consecutive failures, want %d", got, failures)
				}
				// Whatever the first run did, there is a second one.
				later(8 * time.Second)
				if got := runs.Load(); got != 2 {
					t.Errorf("%d runs after 16s, want 2", got)
				}
			})
		})
	}
}

func TestDefaultsAndOptionsOfTime(t *testing.T) {
	tests := []struct {
		name     string
		opts     []health.CheckOption
		timeout  time.Duration
		interval time.Duration
	}{
		{"defaults", nil, 5 * time.Second, 10 * time.Second},
		{"options", []health.CheckOption{health.Timeout(time.Second), health.Interval(time.Hour)}, time.Second, time.Hour},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			in(t, func(t *testing.T) {
				began := time.Now()
				var at []time.Duration
				r := health.New()
				register(t, r, "storage", func(ctx context.Context) error {
					at = append(at, time.Since(began))
					deadline, _ := ctx.Deadline()
					if left := time.Until(deadline); left != tt.timeout {
						t.Errorf("time limit %v, want %v", left, tt.timeout)
					}
					return nil
				}, tt.opts...)
				start(t, r)
				later(2 * tt.interval)
				stop(t, r)
				if len(at) != 3 || at[0] != 0 || at[1] != tt.interval || at[2] != 2*tt.interval {
					t.Errorf("runs began at %v, want 0, %v and twice that", at, tt.interval)
				}
			})
		})
	}
}

func TestFirstRunsAreParallel(t *testing.T) {
	in(t, func(t *testing.T) {
		r := health.New()
		for _, name := range []string{"a", "b", "c"} {
			register(t, r, name, func(context.Context) error { time.Sleep(time.Second); return nil })
		}
		start(t, r)
		wantState(t, r, "a", health.StateStarting)
		later(time.Second)
		for _, name := range []string{"a", "b", "c"} {
			wantState(t, r, name, health.StateHealthy)
		}
	})
}

func TestHungCheckIsNotStartedAgainUntilItReturns(t *testing.T) {
	in(t, func(t *testing.T) {
		release := make(chan struct{})
		var runs atomic.Int32
		r := health.New()
		register(t, r, "storage", func(context.Context) error {
			if runs.Add(1) == 2 {
				<-release
			}
			return nil
		})
		start(t, r)
		wantState(t, r, "storage", health.StateHealthy)

		later(10*time.Second + 4999*time.Millisecond) // the second run is under way
		wantState(t, r, "storage", health.StateHealthy)
		later(time.Millisecond) // and now out of time
		wantState(t, r, "storage", health.StateTimeout)
		later(time.Hour)
		wantState(t, r, "storage", health.StateTimeout)
		res := result(t, r, "storage")
		if res.Duration != time.Hour+5*time.Second || res.Age != time.Hour || res.ConsecutiveFailures != 1 {
			t.Errorf("hung for %v, known for %v, failures %d; want 1h0m5s, 1h, 1", res.Duration, res.Age, res.ConsecutiveFailures)
		}
		if got := runs.Load(); got != 2 {
			t.Errorf("%d runs, want 2: one was started beside the hung one", got)
		}

		close(release)
		later(0)
		wantState(t, r, "storage", health.StateTimeout) // it returned nil, but too late
		later(10 * time.Second)
		wantState(t, r, "storage", health.StateHealthy)
		if got := runs.Load(); got != 3 {
			t.Errorf("%d runs, want 3", got)
		}
	})
}

func TestFailuresAreCountedUntilOneRunHolds(t *testing.T) {
	in(t, func(t *testing.T) {
		var broken atomic.Bool
		broken.Store(true)
		r := health.New()
		register(t, r, "queue", func(context.Context) error {
			if broken.Load() {
				return errors.New("down")
			}
			return nil
		})
		start(t, r)
		later(20 * time.Second)
		if got := result(t, r, "queue").ConsecutiveFailures; got != 3 {
			t.Errorf("%d failures, want 3", got)
		}
		broken.Store(false)
		later(10 * time.Second)
		if got := result(t, r, "queue").ConsecutiveFailures; got != 0 {
			t.Errorf("%d failures after a healthy run, want 0", got)
		}
	})
}

func TestSnapshot(t *testing.T) {
	in(t, func(t *testing.T) {
		r := health.New()
		if s := r.Snapshot(); s != nil {
			t.Errorf("without checks: %v, want nil", s)
		}
		began := time.Now()
		register(t, r, "storage", func(context.Context) error { time.Sleep(time.Second); return nil },
			health.Decides(health.Readiness), health.Decides(health.Readiness|health.Liveness))
		register(t, r, "queue", fails)
		start(t, r)
		later(3 * time.Second)
		want := []health.Result{
			{Name: "queue", State: health.StateUnhealthy, Since: began, LastRun: began, Age: 3 * time.Second, ConsecutiveFailures: 1},
			{Name: "storage", State: health.StateHealthy, Healthy: true, Decides: health.Readiness | health.Liveness,
				Since: began.Add(time.Second), LastRun: began, Duration: time.Second, Age: 2 * time.Second},
		}
		got := r.Snapshot()
		if len(got) != len(want) {
			t.Fatalf("%d results, want %d", len(got), len(want))
		}
		for i := range want {
			if got[i] != want[i] {
				t.Errorf("got  %+v\nwant %+v", got[i], want[i])
			}
		}
	})
}

func TestSnapshotAllocatesOnce(t *testing.T) {
	r := health.New()
	for _, name := range []string{"a", "b", "c", "d"} {
		register(t, r, name, holds)
	}
	if n := testing.AllocsPerRun(100, func() { r.Snapshot() }); n > 1 {
		t.Errorf("%v allocations, want 1", n)
	}
}
