package health_test

import (
	"context"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/rusmes/otelmail/health"
)

func TestRegisterRefuses(t *testing.T) {
	durations := "must be from 1ms to 24h0m0s"
	tests := []struct {
		what  string
		name  string
		check func(context.Context) error
		opts  []health.CheckOption
		wants []string
	}{
		{what: "empty name", check: holds, wants: []string{`check ""`, "name is empty", "1 to 64"}},
		{what: "name in use", name: "taken", check: holds, wants: []string{`check "taken"`, "already registered", "unique"}},
		{what: "space", name: "a b", check: holds, wants: []string{`"a b"`, `' ' at byte 1`, "a-z A-Z"}},
		{what: "quote", name: `a"b`, check: holds, wants: []string{"at byte 1"}},
		{what: "newline", name: "a\nb", check: holds, wants: []string{"at byte 1"}},
		{what: "accent", name: "é", check: holds, wants: []string{"at byte 0"}},
		{what: "invalid UTF-8", name: "a\xff", check: holds, wants: []string{"at byte 1"}},
		{what: "starts with a dot", name: ".a", check: holds, wants: []string{"at byte 0", "after the first"}},
		{what: "65 characters", name: strings.Repeat("x", 65), check: holds, wants: []string{"65 bytes", "1 to 64"}},
		{what: "nil function", name: "a", wants: []string{`"a"`, "nil", "func(context.Context) error"}},
		{what: "timeout 0", name: "a", check: holds, opts: []health.CheckOption{health.Timeout(0)}, wants: []string{`"a"`, "timeout 0s", durations}},
		{what: "timeout negative", name: "a", check: holds, opts: []health.CheckOption{health.Timeout(-time.Second)}, wants: []string{"timeout -1s", durations}},
		{what: "timeout too long", name: "a", check: holds, opts: []health.CheckOption{health.Timeout(25 * time.Hour)}, wants: []string{"timeout 25h0m0s", durations}},
		{what: "interval without unit", name: "a", check: holds, opts: []health.CheckOption{health.Interval(10)}, wants: []string{"interval 10ns", durations}},
		{what: "interval negative", name: "a", check: holds, opts: []health.CheckOption{health.Interval(-1)}, wants: []string{"interval -1ns", durations}},
		{what: "unknown probe", name: "a", check: holds, opts: []health.CheckOption{health.Decides(8)}, wants: []string{"probe 8", "Readiness or Liveness"}},
	}
	for _, tt := range tests {
		t.Run(tt.what, func(t *testing.T) {
			r := health.New()
			register(t, r, "taken", holds)
			err := r.Register(tt.name, tt.check, tt.opts...)
			if err == nil {
				t.Fatal("no error")
			}
			for _, want := range tt.wants {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("error %q does not say %q", err, want)
				}
			}
			if n := len(r.Snapshot()); n != 1 {
				t.Errorf("%d checks, want the first one only", n)
			}
		})
	}
}

func TestRegisterTakes(t *testing.T) {
	for _, name := range []string{"a", "9", "smtp-in", "queue.disk_1", "Storage", strings.Repeat("x", 64)} {
		if err := health.New(nil).Register(name, holds, nil, health.Timeout(time.Millisecond), health.Interval(24*time.Hour), health.Decides()); err != nil {
			t.Error(err)
		}
	}
}

func TestRegisterAfterStart(t *testing.T) {
	in(t, func(t *testing.T) {
		r := health.New()
		start(t, r)
		wantReady(t, r, `{"ready":true}`)
		register(t, r, "storage", fails, health.Decides(health.Readiness))
		later(0)
		wantState(t, r, "storage", health.StateUnhealthy)
		wantReady(t, r, `{"ready":false,"reason":"check","failing":["storage"]}`)
	})
}

func TestUnregister(t *testing.T) {
	in(t, func(t *testing.T) {
		r := health.New()
		register(t, r, "storage", fails, health.Decides(health.Readiness, health.Liveness))
		register(t, r, "queue", holds)
		start(t, r)
		wantAlive(t, r, false)

		if !r.Unregister("storage") {
			t.Error("Unregister found no storage")
		}
		if r.Unregister("storage") {
			t.Error("Unregister found storage twice")
		}
		wantAlive(t, r, true)
		wantReady(t, r, `{"ready":true}`)
		if s := r.Snapshot(); len(s) != 1 || s[0].Name != "queue" {
			t.Errorf("left: %+v", s)
		}
	})
}

// Replacing a hung check again and again must not pile up hung goroutines.
func TestReregisteredCheckWaitsForTheHungOne(t *testing.T) {
	in(t, func(t *testing.T) {
		release := make(chan struct{})
		var running, most, runs int
		var mu sync.Mutex
		check := func(context.Context) error {
			mu.Lock()
			running++
			runs++
			most = max(most, running)
			mu.Unlock()
			<-release
			mu.Lock()
			running--
			mu.Unlock()
			return nil
		}
		r := health.New()
		start(t, r)
		for range 5 {
			register(t, r, "storage", check)
			later(time.Minute)
			wantState(t, r, "storage", health.StateTimeout)
			r.Unregister("storage")
		}
		register(t, r, "storage", check)
		later(time.Minute)
		if runs != 1 {
			t.Errorf("%d runs began while the first one hung, want 1", runs)
		}

		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		close(release)
		later(0)
		wantState(t, r, "storage", health.StateHealthy)
		if most != 1 {
			t.Errorf("%d runs at a time, want 1", most)
		}
		if err := r.Stop(ctx); err != nil {
			t.Error(err)
		}
	})
}

// Nothing is compared: this is for the race detector.
func TestEverythingAtOnce(t *testing.T) {
	r := health.New(health.OnChange(func(string, health.State, health.State) {}), health.WithErrorDetail(true))
	if err := r.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	for _, name := range []string{"a", "b", "c", "d"} {
		wg.Go(func() {
			for range 50 {
				if err := r.Register(name, fails, health.Interval(time.Millisecond), health.Decides(health.Readiness)); err != nil {
					t.Error(err)
				}
				for _, path := range []string{"/health", "/ready", "/live"} {
					get(t, r.Handler(), path)
				}
				if !r.Unregister(name) {
					t.Errorf("%s was lost", name)
				}
			}
		})
	}
	wg.Wait()
	r.Drain()
	stop(t, r)
}
