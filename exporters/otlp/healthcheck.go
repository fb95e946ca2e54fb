package otlp

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/rusmes/otelmail/export"
	"github.com/rusmes/otelmail/health"
	"github.com/rusmes/otelmail/internal/settings"
)

// checkName is the name of the health check of the push.
const checkName = "otlp"

// HealthCheck registers a health check, named "otlp", that what is pushed arrives: it fails for
// each signal and destination to which something was to be sent, and for maxAge, 1 ms to a
// day, nothing was taken. It decides /health alone, neither readiness nor liveness: mail flows
// without a Collector. maxAge should cover the interval of metrics and an attempt, which
// are 60 s and 10 s by default. It asks nobody: the push itself has found out. Default: no
// check, and none where nothing is pushed.
func HealthCheck(maxAge time.Duration) Option {
	return option(func(c *choices) error {
		if err := settings.CheckMillis("otlp.HealthCheck", maxAge); err != nil {
			return err
		}
		c.maxAge = maxAge
		return nil
	})
}

// registerCheck does nothing where nothing is pushed, or no check is asked for.
func (e *Pusher) registerCheck(p export.Pipeline, maxAge time.Duration) error {
	if maxAge == 0 || len(e.ways) == 0 {
		return nil
	}
	// Often enough for the age, and no more often than other checks.
	interval := min(max(maxAge/4, 10*time.Millisecond), 10*time.Second)
	check := &progress{maxAge: maxAge, ways: e.ways, seen: make([]seen, len(e.ways))}
	if err := p.Health().Register(checkName, check.ask, health.Interval(interval)); err != nil {
		return fmt.Errorf("HealthCheck: %w", err)
	}
	return nil
}

// progress is what was seen of each way. A check never runs twice at a time.
type progress struct {
	maxAge time.Duration
	ways   []func() Stats
	seen   []seen
}

// seen is when a way was last well, and what it had sent and given up by then.
type seen struct {
	at           time.Time
	sent, failed int64
}

func (p *progress) ask(context.Context) error {
	now := time.Now()
	var errs []error
	for i, stats := range p.ways {
		s, last := stats(), &p.seen[i]
		idle := s.Waiting == 0 && s.Failed == last.failed
		if last.at.IsZero() || s.Sent > last.sent || idle {
			*last = seen{now, s.Sent, s.Failed}
			continue
		}
		if age := now.Sub(last.at); age > p.maxAge {
			errs = append(errs, fmt.Errorf("otlp %s to %s: nothing was taken for %v: %d wait, %d were given up", s.Signal, s.Where, age.Round(time.Millisecond), s.Waiting, s.Failed-last.failed))
		}
	}
	return errors.Join(errs...)
}
