package otelmail_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"regexp"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	sdkmetric "go.opentelemetry.io/otel/sdk/metric"

	"github.com/rusmes/otelmail"
	"github.com/rusmes/otelmail/health"
	"github.com/rusmes/otelmail/otelmailtest"
)

// TestChangesOfHealth are each a line of the local log, with what was wrong, and one of the
// series; nothing of it is pushed, which may name people, or shown by /health.
func TestChangesOfHealth(t *testing.T) {
	for name, open := range map[string]func(t *testing.T, opts ...otelmail.Option) *otelmail.Telemetry{
		"Start": func(t *testing.T, opts ...otelmail.Option) *otelmail.Telemetry {
			var all []otelmail.StartOption
			for _, o := range opts {
				all = append(all, o)
			}
			rec := otelmailtest.New(t, all...)
			t.Cleanup(func() {
				rec.Logs()
				rec.Events()
			})
			return rec.Tel
		},
		"New": func(t *testing.T, opts ...otelmail.Option) *otelmail.Telemetry {
			var all []otelmail.NewOption
			for _, o := range opts {
				all = append(all, o)
			}
			tel, err := otelmail.New(append(all, otelmail.WithMeterProvider(sdkProvider(sdkmetric.NewManualReader())))...)
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { tel.Shutdown(context.Background()) })
			return tel
		},
	} {
		t.Run(name, func(t *testing.T) {
			var log lockedBuffer
			var away atomic.Bool
			tel := open(t,
				otelmail.WithLogHandler(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelInfo})),
				otelmail.WithCheck("relay", func(context.Context) error {
					if away.Load() {
						return errors.New("550 no such user: eve@example.org")
					}
					return nil
				}, health.Interval(time.Millisecond), health.FailAfter(3, 0)))
			becomes := func(away int64, changes int64) {
				t.Helper()
				waitFor(t, func() error {
					status, _ := tel.Value("health_check_status", "relay")
					got, err := tel.Value("health_check_changes_total", "relay")
					if status != 1-away || got != changes || err != nil {
						return fmt.Errorf("status %d, %d changes, %w; want %d and %d", status, got, err, 1-away, changes)
					}
					return nil
				})
			}
			lines := func(n int) []string {
				t.Helper()
				var all []string
				waitFor(t, func() error {
					all = strings.Split(strings.TrimSpace(log.String()), "\n")
					if len(all) < n {
						return fmt.Errorf("%d lines, want %d:\n%s", len(all), n, log.String())
					}
					return nil
				})
				return all
			}
			becomes(0, 0)
			away.Store(true)
			becomes(1, 1)
			lines(1)
			away.Store(false)
			becomes(0, 2)
			got := lines(2)
			want := []string{
				`level=WARN msg="health check" check=relay from=healthy to=unhealthy after=\S+ error="550 no such user: eve@example.org"`,
				`level=INFO msg="health check" check=relay from=unhealthy to=healthy after=\S+`,
			}
			if len(got) != len(want) {
				t.Fatalf("log:\n%s", strings.Join(got, "\n"))
			}
			for i, line := range got {
				if !regexp.MustCompile(want[i] + "$").MatchString(line) {
					t.Errorf("line %q, want %q", line, want[i])
				}
			}
			if _, err := tel.Value("health_check_changes_total", "nobody"); err == nil {
				t.Error("there is a value for a check that is not registered")
			}
		})
	}
}
