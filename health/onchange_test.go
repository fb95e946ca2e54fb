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

// TestWatch: several are told, whether they come before Start or after it, also where a
// callback of another hangs; each change once, with how long the state before it lasted and
// what was wrong, which the probes do not show.
func TestWatch(t *testing.T) {
	in(t, func(t *testing.T) {
		release := make(chan struct{})
		defer close(release)
		r := health.New(health.OnChange(func(string, health.State, health.State) { <-release }))
		var early, late []health.Change
		r.Watch(nil)
		r.Watch(func(c health.Change) { early = append(early, c) })
		runs := 0
		register(t, r, "queue", func(ctx context.Context) error {
			if runs++; runs == 3 || runs == 4 {
				return fails(ctx)
			}
			return nil
		})
		if err := r.Start(t.Context()); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		r.Watch(func(c health.Change) { late = append(late, c) })
		later(time.Minute)
		const text = "550 no such user: eve@example.org"
		want := []health.Change{
			{Check: "queue", From: health.StateStarting, To: health.StateHealthy},
			{Check: "queue", From: health.StateHealthy, To: health.StateUnhealthy, Lasted: 20 * time.Second, Error: text},
			{Check: "queue", From: health.StateUnhealthy, To: health.StateHealthy, Lasted: 20 * time.Second},
		}
		if !slices.Equal(early, want) || !slices.Equal(late, want) {
			t.Errorf("told %+v\nand %+v,\nwant %+v", early, late, want)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if err := r.Stop(ctx); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("Stop beside a hung callback: %v", err)
		}
		r.Watch(func(health.Change) { t.Error("told after Stop") })
	})
}

// A check that is unregistered, and one that takes its name, are two.
func TestWatchForgetsWhatIsGone(t *testing.T) {
	in(t, func(t *testing.T) {
		var told []string
		r := health.New(health.OnChange(func(_ string, from, to health.State) { told = append(told, string(from)+" to "+string(to)) }))
		register(t, r, "queue", fails)
		start(t, r)
		r.Unregister("queue")
		register(t, r, "queue", holds)
		later(0)
		if want := []string{"starting to unhealthy", "starting to healthy"}; !slices.Equal(told, want) {
			t.Errorf("told %q, want %q", told, want)
		}
	})
}
