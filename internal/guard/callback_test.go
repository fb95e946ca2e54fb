package guard_test

import (
	"context"
	"runtime"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"go.opentelemetry.io/otel/metric"

	"github.com/rusmes/otelmail/internal/guard"
)

// A callback that hangs is waited for once, is not started again while it hangs, and
// takes nothing from the others. What it observes after that is not shown; when it has
// returned, it is called again.
func TestCallbackThatHangs(t *testing.T) {
	registered := func(m metric.Meter, hang func()) error {
		g, err := m.Int64ObservableGauge("hangs")
		if err != nil {
			return err
		}
		_, err = m.RegisterCallback(func(_ context.Context, o metric.Observer) error {
			hang()
			o.ObserveInt64(g, 1)
			return nil
		}, g)
		return err
	}
	for name, add := range map[string]func(metric.Meter, func()) error{
		"RegisterCallback": registered,
		"WithInt64Callback": func(m metric.Meter, hang func()) error {
			_, err := m.Int64ObservableGauge("hangs", metric.WithInt64Callback(
				func(_ context.Context, o metric.Int64Observer) error { hang(); o.Observe(1); return nil }))
			return err
		},
		"WithFloat64Callback": func(m metric.Meter, hang func()) error {
			_, err := m.Float64ObservableGauge("hangs", metric.WithFloat64Callback(
				func(_ context.Context, o metric.Float64Observer) error { hang(); o.Observe(1); return nil }))
			return err
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				m, collect, refused, reported := guarded(t, "app")
				release := make(chan struct{})
				var begun atomic.Int32
				if err := add(m, func() { begun.Add(1); <-release }); err != nil {
					t.Fatal(err)
				}
				if _, err := m.Int64ObservableGauge("other", metric.WithInt64Callback(
					func(_ context.Context, o metric.Int64Observer) error { o.Observe(7); return nil })); err != nil {
					t.Fatal(err)
				}
				const rounds = 3
				for range rounds {
					if got := collect().Metrics; len(got) != 1 || got[0].Name != "other" {
						t.Errorf("while it hangs: %+v", got)
					}
				}
				if n := begun.Load(); n != 1 {
					t.Errorf("started %d times while it hung", n)
				}
				if want := slices.Repeat([]guard.Reason{guard.CallbackTimeout}, rounds); !slices.Equal(*refused, want) {
					t.Errorf("counted %v, want %v", *refused, want)
				}
				if r := *reported; len(r) != 1 || !strings.Contains(r[0], "meter app") {
					t.Errorf("reported %q", r)
				}
				close(release)
				for end := time.Now().Add(time.Minute); len(collect().Metrics) != 2; time.Sleep(time.Millisecond) {
					if time.Now().After(end) {
						t.Fatal("it was not called again after it had returned")
					}
				}
			})
		})
	}
}

// A callback that ends its goroutine ends no collection.
func TestCallbackThatEndsItsGoroutine(t *testing.T) {
	m, collect, refused, reported := guarded(t, "app")
	if _, err := m.Int64ObservableGauge("ends", metric.WithInt64Callback(
		func(_ context.Context, o metric.Int64Observer) error { o.Observe(7); runtime.Goexit(); return nil })); err != nil {
		t.Fatal(err)
	}
	if got := collect().Metrics; len(got) != 1 || lastValue(got[0].Data) != 7 {
		t.Errorf("%+v", got)
	}
	if !slices.Equal(*refused, []guard.Reason{guard.CallbackPanic}) || len(*reported) != 1 || !strings.Contains((*reported)[0], "Goexit") {
		t.Errorf("counted %v, reported %q", *refused, *reported)
	}
}
