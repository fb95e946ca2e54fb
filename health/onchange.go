package health

import (
	"context"
	"time"
)

// changed tells the watching goroutine, if there is one, to look at the checks
// again. It never waits: one pending wake-up is enough.
func (r *Registry) changed() {
	select {
	case r.wake <- struct{}{}:
	default:
	}
}

// watch calls OnChange until ctx ends. It compares each check's state now with the
// state reported last, instead of queueing events: so its memory is bounded however
// slow the callback is, and each change reported begins where the last one ended.
func (r *Registry) watch(ctx context.Context, watched chan struct{}) {
	defer func() {
		if ctx.Err() == nil {
			// The callback called runtime.Goexit.
			go r.watch(ctx, watched)
			return
		}
		close(watched)
	}()
	// A timer, because a check also changes state by hanging or growing stale.
	timer := time.NewTimer(maxDuration)
	defer timer.Stop()
	for ctx.Err() == nil {
		timer.Reset(r.reportChanges(ctx))
		select {
		case <-ctx.Done():
		case <-r.wake:
		case <-timer.C:
		}
	}
}

// reportChanges calls OnChange for every check whose state is not the one reported
// last, and returns how long it takes until the clock alone may change a state.
func (r *Registry) reportChanges(ctx context.Context) time.Duration {
	next := time.Now().Add(maxDuration)
	for _, c := range r.checks() {
		if ctx.Err() != nil {
			break
		}
		now := time.Now()
		if at := c.changesAfter(now); !at.IsZero() && at.Before(next) {
			next = at
		}
		if from, to := c.reported, c.at(now).State; from != to {
			c.reported = to
			r.callOnChange(c.name, from, to)
		}
	}
	// Negative if a call took that long: the timer then fires at once.
	return time.Until(next)
}

func (r *Registry) callOnChange(name string, from, to State) {
	defer func() { _ = recover() }() // a bug in the callback must not end the process
	r.onChange(name, from, to)
}

// changesAfter returns the first moment after now at which the check's state changes
// merely because time passes: the run under way reaches its limit, or a healthy result
// becomes stale. It is zero if there is none.
func (c *check) changesAfter(now time.Time) time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	var first time.Time
	consider := func(at time.Time) {
		if at.After(now) && (first.IsZero() || at.Before(first)) {
			first = at
		}
	}
	if !c.runningSince.IsZero() {
		consider(c.runningSince.Add(c.timeout))
	}
	if c.last.state == StateHealthy {
		consider(c.last.ended.Add(c.interval + c.timeout))
	}
	return first
}
