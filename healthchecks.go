package otelmail

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"go.opentelemetry.io/otel/attribute"

	"github.com/rusmes/otelmail/catalog"
	"github.com/rusmes/otelmail/health"
	"github.com/rusmes/otelmail/internal/settings"
	"github.com/rusmes/otelmail/internal/stop"
)

var healthStatus = define(catalog.Metric{
	Name: "health_check_status", Kind: catalog.Gauge, Unit: "{check}", Fleet: catalog.Min,
	Help: "1 while the check is healthy, 0 while it is not or has not run yet",
	Rise: "A fall to 0 is what /health answers 503 for; its body says which check and in what state.",
	Labels: []catalog.Label{{Key: "check",
		Help: "The name a check was registered with: as many as the server has"}},
})

var healthChanges = define(catalog.Metric{
	Name: "health_check_changes_total", Kind: catalog.Counter, Unit: "{change}",
	Help: "How often the check has turned from healthy to failing or back",
	Rise: "The check comes and goes, or what it asks about does. The log has a line for each change, with the error; /health?verbose says since when it is as it is now.",
	Labels: []catalog.Label{{Key: "check",
		Help: "The name a check was registered with: as many as the server has"}},
})

// check is a health check that an option asked for.
type check struct {
	name string
	run  func(context.Context) error
	opts []health.CheckOption
}

// WithCheck registers a health check before anything is served, so that /ready
// waits for it from the start. Checks may also be registered later, with
// Telemetry.Health. Default: none.
func WithCheck(name string, run func(context.Context) error, opts ...health.CheckOption) Option {
	return option(func(c *config) error {
		if run == nil {
			return settings.Invalid("WithCheck "+name, "nil", "a function")
		}
		c.checks = append(c.checks, check{name, run, opts})
		return nil
	})
}

func registerChecks(c *config) error {
	var errs []error
	for _, k := range c.checks {
		if err := c.health.Register(k.name, k.run, k.opts...); err != nil {
			errs = append(errs, fmt.Errorf("WithCheck: %w", err))
		}
	}
	return errors.Join(errs...)
}

// bindHealth shows the state of every check, and how often it has changed, as series.
func bindHealth(b *binder, r *health.Registry) {
	for m, value := range map[*catalog.Metric]func(health.Result) int64{
		healthStatus: func(c health.Result) int64 {
			if c.Healthy {
				return 1
			}
			return 0
		},
		healthChanges: func(c health.Result) int64 { return c.Changes },
	} {
		key := m.Labels[0].Key
		b.each(m,
			func(observe func(int64, labelSet)) {
				for _, c := range r.Snapshot() {
					observe(value(c), newLabelSet(attribute.String(key, c.Name)))
				}
			},
			one(func(name string) (int64, bool) {
				for _, c := range r.Snapshot() {
					if c.Name == name {
						return value(c), true
					}
				}
				return 0, false
			}))
	}
}

// startHealth starts the checks, which run until Shutdown.
func (t *Telemetry) startHealth() error {
	if err := t.Health.Start(context.Background()); err != nil {
		return fmt.Errorf("start the health checks: %w", err)
	}
	t.stopper.Parallel = append(t.stopper.Parallel, stop.Part{Name: "health checks", Run: t.Health.Stop})
	return nil
}

// logHealth writes a line of the local log for each change of a check's state: its error may
// name people, and so is not pushed. What a check panicked with is in no log, like that of all
// that is called here: nobody chose those words for an operator.
func (t *Telemetry) logHealth() {
	t.Health.Watch(func(c health.Change) {
		level := slog.LevelWarn
		switch {
		case c.Check == logCheck: // the log itself tells
			return
		case c.To == health.StateHealthy && c.From == health.StateStarting:
			level = slog.LevelDebug
		case c.To == health.StateHealthy:
			level = slog.LevelInfo
		}
		attrs := []slog.Attr{slog.String("check", c.Check), slog.String("from", string(c.From)), slog.String("to", string(c.To)),
			slog.Duration("after", c.Lasted.Round(time.Millisecond))}
		if c.Error != "" && c.To != health.StatePanic {
			attrs = append(attrs, slog.String("error", c.Error))
		}
		t.ownLogger.LogAttrs(context.Background(), level, "health check", attrs...)
	})
}
