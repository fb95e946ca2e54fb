package otelmail_test

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"go.opentelemetry.io/otel/sdk/metric/metricdata"

	"github.com/rusmes/otelmail"
	"github.com/rusmes/otelmail/health"
)

// TestHealthSeriesFollowsTheCheck through its states: 1 while it is healthy, 0 before it has
// run, while it fails, panics or hangs.
func TestHealthSeriesFollowsTheCheck(t *testing.T) {
	const ok, fails, panics, hangs = 0, 1, 2, 3
	var does atomic.Int32
	first, release := make(chan struct{}), make(chan struct{})
	defer close(release)
	tel, reader := start(t, otelmail.WithCheck("storage", func(context.Context) error {
		<-first
		switch does.Load() {
		case fails:
			return errors.New("the disk is full")
		case panics:
			panic("bob@example.org")
		case hangs:
			<-release
		}
		return nil
	}, health.Interval(time.Millisecond), health.Timeout(300*time.Millisecond)))
	value := func() (read, collected int64) {
		v, err := tel.Value("health_check_status", "storage")
		if err != nil {
			t.Fatal(err)
		}
		points := collect(t, reader)["rusmes_health_check_status"].Data.(metricdata.Gauge[int64]).DataPoints
		if name, _ := points[0].Attributes.Value("check"); len(points) != 1 || name.AsString() != "storage" {
			t.Errorf("points %+v", points)
		}
		return v, points[0].Value
	}
	becomes := func(state string, want int64) {
		t.Helper()
		waitFor(t, func() error {
			if read, collected := value(); read != want || collected != want {
				return fmt.Errorf("%s: the series is %d, collected as %d, want %d", state, read, collected, want)
			}
			return nil
		})
	}
	if read, collected := value(); read != 0 || collected != 0 {
		t.Errorf("before its first run the series is %d, collected as %d", read, collected)
	}
	close(first)
	for _, step := range []struct {
		state string
		does  int32
		want  int64
	}{{"healthy", ok, 1}, {"failing", fails, 0}, {"healthy again", ok, 1}, {"panicking", panics, 0}, {"healthy again", ok, 1}, {"hanging", hangs, 0}} {
		does.Store(step.does)
		becomes(step.state, step.want)
	}
}

// TestHealthSeriesOfEachCheck: one series for each, also for those registered later, and
// none for a name that nobody registered.
func TestHealthSeriesOfEachCheck(t *testing.T) {
	holds := func(context.Context) error { return nil }
	fails := func(context.Context) error { return errors.New("away") }
	tel, _ := start(t, otelmail.WithCheck("storage", holds), otelmail.WithCheck("queue", fails))
	if err := tel.Health.Register("later", holds); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]int64{"storage": 1, "queue": 0, "later": 1} {
		waitFor(t, func() error {
			if got, err := tel.Value("health_check_status", name); err != nil || got != want {
				return fmt.Errorf("%s is %d, %w, want %d", name, got, err, want)
			}
			return nil
		})
	}
	for _, labels := range [][]string{{"nobody"}, {}, {"storage", "queue"}, {""}} {
		if _, err := tel.Value("health_check_status", labels...); err == nil {
			t.Errorf("there is a value for %q", labels)
		}
	}
	if !tel.Health.Unregister("later") {
		t.Fatal("the check was not registered")
	}
	if _, err := tel.Value("health_check_status", "later"); err == nil {
		t.Error("the series outlives its check")
	}
}

// TestChecksEndWithShutdown and are cancelled, so that none outlives the server.
func TestChecksEndWithShutdown(t *testing.T) {
	for name, open := range map[string]func(otelmail.Option) (*otelmail.Telemetry, error){
		"New": func(opt otelmail.Option) (*otelmail.Telemetry, error) { return otelmail.New(opt) },
		"Start": func(opt otelmail.Option) (*otelmail.Telemetry, error) {
			return otelmail.Start(t.Context(), opt, lookup(), otelmail.WithoutGlobals())
		},
	} {
		began, ended := make(chan struct{}), make(chan struct{})
		tel, err := open(otelmail.WithCheck("storage", func(ctx context.Context) error {
			close(began)
			<-ctx.Done()
			close(ended)
			return ctx.Err()
		}))
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		<-began
		if err := tel.Shutdown(context.Background()); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		select {
		case <-ended:
		default:
			t.Errorf("%s: the check outlives Shutdown", name)
		}
	}
}
