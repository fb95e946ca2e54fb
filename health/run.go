package health

import (
	"context"
	"fmt"
	"time"
)

// launch starts the goroutine that runs c until ctx ends or c is unregistered.
// From this moment on the first run counts as under way, so a goroutine that is
// never scheduled shows as a timeout and not as starting for ever.
func (c *check) launch(ctx context.Context, changed func()) {
	ctx, c.cancel = context.WithCancel(ctx)
	c.done = make(chan struct{})
	now := time.Now()
	c.begin(now)
	c.mu.Lock()
	c.held.since = now
	c.mu.Unlock()
	go c.loop(ctx, changed)
}

// loop runs the check again and again, in this one goroutine, so that there is never
// a second run beside a hung one.
func (c *check) loop(ctx context.Context, changed func()) {
	defer func() {
		if ctx.Err() == nil {
			// The check called runtime.Goexit, which takes our goroutine with it.
			go c.loop(ctx, changed)
			return
		}
		c.cancel()
		close(c.done)
	}()
	for c.waitForTurn(ctx) {
		c.runOnce(ctx, changed)
	}
}

// waitForTurn returns true when the next run is due and false when ctx has ended.
func (c *check) waitForTurn(ctx context.Context) bool {
	c.mu.Lock()
	first := c.last.ended.IsZero()
	c.mu.Unlock()
	if first {
		return c.waitForPrevious(ctx)
	}
	pause := time.NewTimer(c.interval)
	defer pause.Stop()
	select {
	case <-ctx.Done():
	case <-pause.C:
	}
	return ctx.Err() == nil
}

// waitForPrevious waits for the last run of an unregistered check of the same name, so
// that Unregister and Register in turn cannot pile up hung runs.
func (c *check) waitForPrevious(ctx context.Context) bool {
	if c.previous != nil {
		select {
		case <-ctx.Done():
		case <-c.previous:
		}
	}
	return ctx.Err() == nil
}

func (c *check) runOnce(ctx context.Context, changed func()) {
	began := time.Now()
	c.begin(began)
	changed()
	runCtx, cancel := context.WithTimeout(ctx, c.timeout)
	defer cancel()

	// The outcome if fn neither returns nor panics: it called runtime.Goexit.
	outcome := run{state: StatePanic, began: began, text: "goroutine ended by the check"}
	defer changed()
	defer func() { c.finish(ctx, outcome) }()
	defer func() {
		if p := recover(); p != nil {
			outcome.text = text(p)
		}
	}()

	err := c.fn(runCtx)
	tookTooLong := time.Since(began) >= c.timeout
	outcome.text = ""
	if err != nil {
		outcome.text = text(err)
	}
	switch {
	case tookTooLong:
		outcome.state = StateTimeout
	case err != nil:
		outcome.state = StateUnhealthy
	default:
		outcome.state = StateHealthy
	}
}

// text is what may be shown of an error or a panic's value, to whom it may be shown. fmt
// recovers from a panic in their Error or String method.
func text(v any) string { return bounded(fmt.Sprint(v)) }

func (c *check) begin(now time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.runningSince = now
}

// finish remembers what a run has shown, unless Stop or Unregister interrupted it:
// its error is then our doing.
func (c *check) finish(ctx context.Context, outcome run) {
	now := time.Now()
	c.mu.Lock()
	defer c.mu.Unlock()
	if ctx.Err() != nil {
		c.runningSince = time.Time{}
		return
	}
	c.settle(outcome.state, now)
	c.runningSince = time.Time{}
	outcome.ended = now
	if outcome.state == StateHealthy && c.held.failing() {
		outcome.text = c.last.text // why it is not yet healthy again
	}
	if outcome.state != StateHealthy {
		outcome.failures = c.last.failures + 1
	}
	c.last = outcome
}
