package health_test

import (
	"context"
	"errors"
	"runtime"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rusmes/otelmail/health"
)

func TestOnChangeTellsEveryTransition(t *testing.T) {
	in(t, func(t *testing.T) {
		var reported []string
		runs := 0
		r := health.New(health.OnChange(func(name string, from, to health.State) {
			reported = append(reported, name+": "+string(from)+" to "+string(to))
		}))
		register(t, r, "queue", func(context.Context) error {
			runs++
			switch runs {
			case 3:
				return errors.New("down")
			case 4:
				time.Sleep(7 * time.Second)
			case 6:
				panic("bug")
			}
			return nil
		})
		start(t, r)
		later(2 * time.Minute)
		stop(t, r)
		want := []string{
			"queue: starting to healthy",
			"queue: healthy to unhealthy",
			"queue: unhealthy to timeout",
			"queue: timeout to healthy",
			"queue: healthy to panic",
			"queue: panic to healthy",
		}
		if !slices.Equal(reported, want) {
			t.Errorf("reported %q\nwant %q", reported, want)
		}
	})
}

func TestOnChangeHoldsNothingUp(t *testing.T) {
	in(t, func(t *testing.T) {
		entered := make(chan struct{})
		release := make(chan struct{})
		calls := 0
		var r *health.Registry
		r = health.New(health.OnChange(func(_ string, _, _ health.State) {
			if calls++; calls == 1 {
				close(entered)
				<-release
			}
			// No lock may be held: all of this takes locks.
			r.Snapshot()
			r.Unregister("other")
			r.Drain()
		}))
		runs := 0
		register(t, r, "queue", func(context.Context) error { runs++; return nil })
		register(t, r, "other", holds)
		start(t, r)
		<-entered
		later(time.Minute)
		if runs != 7 {
			t.Errorf("%d runs in a minute beside a hung callback, want 7", runs)
		}
		wantReady(t, r, `{"ready":true}`)
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if err := r.Stop(ctx); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("Stop beside a hung callback: %v", err)
		}
		close(release)
	})
}

// Only the clock shows that a check hangs.
func TestOnChangeTellsOfAHangAtOnce(t *testing.T) {
	in(t, func(t *testing.T) {
		release := make(chan struct{})
		defer close(release)
		began := time.Now()
		var reported time.Duration
		r := health.New(health.OnChange(func(_ string, _, to health.State) {
			if to == health.StateTimeout {
				reported = time.Since(began)
			}
		}))
		register(t, r, "queue", hangs(release))
		start(t, r)
		later(time.Minute)
		if reported != 5*time.Second {
			t.Errorf("reported after %v, want 5s", reported)
		}
	})
}

func TestOnChangeTellsOfAHangThatBeganDuringASlowCall(t *testing.T) {
	in(t, func(t *testing.T) {
		release := make(chan struct{})
		defer close(release)
		began := time.Now()
		var reported time.Duration
		r := health.New(health.OnChange(func(name string, _, _ health.State) {
			if name == "a" {
				reported = time.Since(began)
				return
			}
			time.Sleep(time.Minute) // "a", looked at before, runs out of time
		}))
		register(t, r, "a", hangs(release))
		register(t, r, "b", func(context.Context) error { time.Sleep(time.Second); return nil },
			health.Interval(time.Hour))
		start(t, r)
		later(2 * time.Minute)
		if reported != 61*time.Second {
			t.Errorf("reported after %v, want 61s", reported)
		}
	})
}

func TestOnChangeIsContained(t *testing.T) {
	for name, misbehave := range map[string]func(){
		"panic":              func() { panic("bug") },
		"ends its goroutine": runtime.Goexit,
	} {
		t.Run(name, func(t *testing.T) {
			in(t, func(t *testing.T) {
				calls := 0
				r := health.New(health.OnChange(func(string, health.State, health.State) {
					calls++
					misbehave()
				}))
				register(t, r, "a", holds)
				register(t, r, "b", holds)
				start(t, r)
				synctest.Wait()
				if calls != 2 {
					t.Errorf("%d calls, want 2", calls)
				}
			})
		})
	}
}

func TestOnChangeNilIsIgnored(t *testing.T) {
	in(t, func(t *testing.T) {
		r := health.New(health.OnChange(nil))
		register(t, r, "a", holds)
		start(t, r)
		wantState(t, r, "a", health.StateHealthy)
	})
}
