package health_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/rusmes/otelmail/health"
)

// TestThresholds runs a check once a second, which does what a letter says: healthy, failing,
// or hanging for ten seconds. shown is the state of the check after each run.
func TestThresholds(t *testing.T) {
	const h, u, s = 'h', 'u', 's'
	for _, tt := range []struct {
		name    string
		does    string
		shown   string
		changes int64
		opts    []health.CheckOption
	}{
		{"no thresholds", "hfhfh", "huhuh", 4, nil},
		{"three failures", "hffhffff", "hhhhhhuu", 1, []health.CheckOption{health.FailAfter(3, 0)}},
		{"three failures from the start", "ffff", "ssuu", 0, []health.CheckOption{health.FailAfter(3, 0)}},
		{"healthy within three failures from the start", "ffhff", "sshhh", 0, []health.CheckOption{health.FailAfter(3, 0)}},
		{"for two seconds", "hffhfff", "hhhhhhu", 1, []health.CheckOption{health.FailAfter(1, 2*time.Second)}},
		{"runs and seconds", "hfffff", "hhhhuu", 1, []health.CheckOption{health.FailAfter(2, 3*time.Second)}},
		{"seconds and runs", "hfffff", "hhhhuu", 1, []health.CheckOption{health.FailAfter(4, time.Second)}},
		{"recovers after two", "fhfhhf", "uuuuhu", 2, []health.CheckOption{health.RecoverAfter(2, 0)}},
		{"recovers after two seconds", "fhhfhhhh", "uuuuuuhh", 1, []health.CheckOption{health.RecoverAfter(1, 2*time.Second)}},
		{"the first healthy run is no recovery", "hfh", "huu", 1, []health.CheckOption{health.RecoverAfter(3, 0)}},
		{"flapping", strings.Repeat("hf", 30), strings.Repeat("h", 60), 0, []health.CheckOption{health.FailAfter(2, 0)}},
		{"flapping while it fails", "ff" + strings.Repeat("hf", 30), "su" + strings.Repeat("u", 60), 0,
			[]health.CheckOption{health.FailAfter(2, 0), health.RecoverAfter(2, 0)}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			in(t, func(t *testing.T) {
				runs := 0
				r := health.New()
				register(t, r, "queue", func(context.Context) error {
					runs++
					if runs <= len(tt.does) && tt.does[runs-1] == 'f' {
						return errors.New("down")
					}
					return nil
				}, append(tt.opts, health.Interval(time.Second))...)
				start(t, r)
				letters := map[health.State]rune{health.StateHealthy: h, health.StateUnhealthy: u, health.StateStarting: s}
				var shown strings.Builder
				for range tt.does {
					shown.WriteRune(letters[result(t, r, "queue").State])
					if shown.Len() < len(tt.does) {
						later(time.Second)
					}
				}
				if shown.String() != tt.shown {
					t.Errorf("%s shows %s, want %s", tt.does, shown.String(), tt.shown)
				}
				if got := result(t, r, "queue").Changes; got != tt.changes {
					t.Errorf("%d changes, want %d", got, tt.changes)
				}
			})
		})
	}
}

// TestFlappingFlipsNothing: what comes and goes every 50 ms for an hour, and is looked at ever
// more often than that.
func TestFlappingFlipsNothing(t *testing.T) {
	in(t, func(t *testing.T) {
		var told []health.Change
		r := health.New()
		r.Watch(func(c health.Change) { told = append(told, c) })
		began := time.Now()
		register(t, r, "relay", func(context.Context) error {
			if time.Since(began)/(50*time.Millisecond)%2 == 1 {
				return errors.New("away")
			}
			return nil
		}, health.Interval(7*time.Millisecond), health.FailAfter(3, time.Second), health.Decides(health.Readiness, health.Liveness))
		start(t, r)
		for range 500 {
			later(20 * time.Millisecond)
			wantReady(t, r, `{"ready":true}`)
			wantAlive(t, r, true)
			wantState(t, r, "relay", health.StateHealthy)
		}
		if len(told) != 1 || told[0].To != health.StateHealthy {
			t.Errorf("told of %+v, want the start alone", told)
		}
		if failures := result(t, r, "relay").ConsecutiveFailures; failures == 0 {
			later(50 * time.Millisecond)
			failures = result(t, r, "relay").ConsecutiveFailures
			if failures == 0 {
				t.Error("the failures are not shown")
			}
		}
	})
}

// TestAHangReachesAThreshold although it is one run, at the moment that as many runs would have
// failed, and is told of at that moment.
func TestAHangReachesAThreshold(t *testing.T) {
	for _, tt := range []struct {
		name  string
		after health.CheckOption
		want  time.Duration // of the hang
	}{
		{"at once", health.FailAfter(1, 0), 5 * time.Second},
		{"three runs", health.FailAfter(3, 0), 5*time.Second + 2*15*time.Second},
		{"a minute", health.FailAfter(1, time.Minute), 5*time.Second + time.Minute},
		{"three runs and a minute", health.FailAfter(3, time.Minute), 5*time.Second + time.Minute},
	} {
		t.Run(tt.name, func(t *testing.T) {
			in(t, func(t *testing.T) {
				release := make(chan struct{})
				var told []string
				began := time.Now()
				r := health.New(health.OnChange(func(_ string, _, to health.State) {
					told = append(told, fmt.Sprintf("%s at %v", to, time.Since(began)))
				}))
				runs := 0
				register(t, r, "storage", func(context.Context) error {
					if runs++; runs == 2 {
						<-release
					}
					return nil
				}, tt.after)
				start(t, r)
				const hangs = 10 * time.Second // after Start
				later(hangs + tt.want - time.Millisecond)
				wantState(t, r, "storage", health.StateHealthy)
				later(time.Millisecond)
				wantState(t, r, "storage", health.StateTimeout)
				later(time.Hour)
				res := result(t, r, "storage")
				if since := res.Since.Sub(began); since != hangs+tt.want || res.Changes != 1 {
					t.Errorf("%s since %v with %d changes, want since %v with 1", res.State, since, res.Changes, hangs+tt.want)
				}
				close(release)
				later(0)
				wantState(t, r, "storage", health.StateTimeout)
				if res := result(t, r, "storage"); res.Since.Sub(began) != hangs+tt.want {
					t.Errorf("once it has returned it fails since %v", res.Since.Sub(began))
				}
				later(10 * time.Second)
				wantState(t, r, "storage", health.StateHealthy)
				want := []string{"healthy at 0s", fmt.Sprintf("timeout at %v", hangs+tt.want), fmt.Sprintf("healthy at %v", hangs+tt.want+time.Hour+10*time.Second)}
				if !slices.Equal(told, want) {
					t.Errorf("told %q, want %q", told, want)
				}
			})
		})
	}
}

// A run that hangs a little over its limit again and again has failed as often as it ran.
func TestSlowRunsReachAThreshold(t *testing.T) {
	in(t, func(t *testing.T) {
		runs := 0
		r := health.New()
		register(t, r, "storage", func(context.Context) error {
			if runs++; runs > 1 {
				time.Sleep(6 * time.Second)
			}
			return nil
		}, health.FailAfter(3, 0))
		start(t, r)
		later(10*time.Second + 16*time.Second + 16*time.Second + 4999*time.Millisecond)
		wantState(t, r, "storage", health.StateHealthy)
		later(time.Millisecond)
		wantState(t, r, "storage", health.StateTimeout)
	})
}

// What a run that hung stands for, counts on when it has returned: two failures, of which the
// first was known when it had run out of time.
func TestAHangCountsWhenItHasReturned(t *testing.T) {
	const hang, next = 21 * time.Second, 10 * time.Second // it runs out of time after 5 s, and 15 s later once more
	for name, after := range map[string]health.CheckOption{
		"three failures": health.FailAfter(3, 0), "since the limit": health.FailAfter(1, hang-5*time.Second+next),
	} {
		t.Run(name, func(t *testing.T) {
			in(t, func(t *testing.T) {
				runs := 0
				r := health.New()
				register(t, r, "storage", func(ctx context.Context) error {
					switch runs++; runs {
					case 1:
						return nil
					case 2:
						time.Sleep(hang)
						return nil
					}
					return fails(ctx)
				}, after, health.Interval(next))
				start(t, r)
				later(next + hang + next - time.Millisecond)
				wantState(t, r, "storage", health.StateHealthy)
				later(time.Millisecond)
				wantState(t, r, "storage", health.StateUnhealthy)
			})
		})
	}
}

// TestSinceIsWhenTheStateBegan and not when it was looked at.
func TestSinceIsWhenTheStateBegan(t *testing.T) {
	in(t, func(t *testing.T) {
		began := time.Now()
		runs := 0
		r := health.New()
		register(t, r, "queue", func(context.Context) error {
			switch runs++; runs {
			case 1, 2:
				return nil
			case 4:
				panic("bug")
			}
			return errors.New("down")
		}, health.Interval(10*time.Second), health.FailAfter(2, 0))
		since := func(want time.Duration, state health.State) {
			t.Helper()
			wantState(t, r, "queue", state)
			if got := result(t, r, "queue").Since.Sub(began); got != want {
				t.Errorf("%s since %v, want %v", state, got, want)
			}
		}
		if !result(t, r, "queue").Since.IsZero() {
			t.Error("in a state before Start")
		}
		start(t, r)
		later(25 * time.Second)
		since(0, health.StateHealthy)
		later(10 * time.Second)
		since(30*time.Second, health.StatePanic)
		later(10 * time.Second)
		since(40*time.Second, health.StateUnhealthy)
		later(10 * time.Second)
		since(40*time.Second, health.StateUnhealthy)
		if got := result(t, r, "queue").Changes; got != 1 {
			t.Errorf("%d changes, want 1: another kind of failure is none", got)
		}
	})
}

func TestWrongThresholdsAndGroups(t *testing.T) {
	for _, tt := range []struct {
		opt  health.CheckOption
		says []string
	}{
		{health.FailAfter(0, 0), []string{"fail after 0 runs", "from 1 to 1000"}},
		{health.FailAfter(1001, 0), []string{"fail after 1001 runs", "from 1 to 1000"}},
		{health.FailAfter(1, -time.Second), []string{"fail after -1s", "from 0 to 24h"}},
		{health.RecoverAfter(-1, 0), []string{"recover after -1 runs"}},
		{health.RecoverAfter(1, 25*time.Hour), []string{"recover after 25h"}},
		{health.Groups("mail", "no blank"), []string{`group "no blank"`, "letters"}},
		{health.Groups(""), []string{`group ""`, "empty"}},
	} {
		err := health.New().Register("queue", holds, tt.opt)
		for _, want := range append(tt.says, `"queue"`) {
			if err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("%v, want %q", err, want)
			}
		}
	}
}

// TestAGroupHasItsOwnStatus: only the checks of the group decide.
func TestAGroupHasItsOwnStatus(t *testing.T) {
	in(t, func(t *testing.T) {
		r := health.New()
		register(t, r, "disk", holds, health.Groups("storage"))
		register(t, r, "relay", fails, health.Groups("mail"))
		start(t, r)
		for query, want := range map[string]int{
			"": 503, "?group=storage": 200, "?group=mail": 503, "?group=storage&group=mail": 503,
			"?group=disk": 404, "?group=STORAGE": 404, "?group": 404, "?verbose=x": 400, "?verbose=x&group=disk": 400,
		} {
			if code, body := get(t, r.Handler(), "/health"+query); code != want {
				t.Errorf("/health%s: %d, want %d: %s", query, code, want, body)
			}
		}
		// A probe that decides what happens to the process has no groups.
		if code, _ := get(t, r.Handler(), "/ready?group=disk"); code != http.StatusOK {
			t.Errorf("/ready?group=disk: %d", code)
		}
	})
}

// TestAMillionBytesOfGroup from a stranger come back cut.
func TestAMillionBytesOfGroup(t *testing.T) {
	r := health.New()
	code, body := get(t, r.Handler(), "/health?group="+strings.Repeat("%F0%9F%98%80%0d%0a", 1<<16))
	if code != http.StatusNotFound || len(body) > 2000 || strings.ContainsAny(strings.TrimSuffix(body, "\n"), "\r\n") {
		t.Errorf("%d, %d bytes", code, len(body))
	}
}
