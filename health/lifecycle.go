package health

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
)

// Start begins to run the checks: each at once, in parallel, then again after each
// interval. It does not wait for the first results. The checks' contexts have the values
// of ctx, and when ctx ends the registry stops as by Stop. A second Start changes
// nothing and returns nil. Starting with a ctx that has ended, or after Stop, is an
// error.
func (r *Registry) Start(ctx context.Context) error {
	if ctx == nil {
		return errors.New("health: start: context is nil: must be the context the checks live in")
	}
	if err := ctx.Err(); err != nil {
		return fmt.Errorf("health: start: context has ended: %w", context.Cause(ctx))
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.stopped.Load() != nil {
		return errors.New("health: start: the registry is stopped: make a new one")
	}
	if r.started.Load() {
		return nil
	}
	r.ctx, r.cancel = context.WithCancel(ctx)
	r.detach = context.AfterFunc(ctx, r.halt)
	for _, c := range r.checks() {
		c.launch(r.ctx, r.changed)
	}
	for _, w := range r.watching() {
		w.launch(r.ctx)
	}
	r.started.Store(true)
	return nil
}

// Drain makes /ready answer 503 from this moment on, so that no new connections are
// sent here while those under way end. It cannot be taken back. The checks go on,
// and /health and /live are not changed by it.
func (r *Registry) Drain() { r.draining.Store(true) }

// Stop drains, cancels every run under way and waits for them, but no longer than
// ctx lasts: the error then names the checks that still run. Their results no longer
// count. /health answers 503 from now on, because no check runs any more; /live keeps
// its last answer, because a process that stops on purpose needs no restart. Stop may be
// called again, and before Start.
func (r *Registry) Stop(ctx context.Context) error {
	r.halt()
	if ctx == nil {
		return errors.New("health: stop: context is nil: must be the limit of the wait")
	}
	var stuck []string
	for name, done := range r.endings() {
		select {
		case <-done:
		case <-ctx.Done():
			if !isClosed(done) {
				stuck = append(stuck, name)
			}
		}
	}
	if len(stuck) > 0 {
		slices.Sort(stuck)
		return fmt.Errorf("health: stop: still running: %s: %w", strings.Join(stuck, ", "), context.Cause(ctx))
	}
	return nil
}

func (r *Registry) halt() {
	r.draining.Store(true)
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.stopped.Load() != nil {
		return
	}
	now := time.Now()
	r.stopped.Store(&now)
	if r.cancel != nil {
		r.cancel()
		r.detach()
	}
}

// endings returns, by name, what closes when each of our goroutines has ended.
func (r *Registry) endings() map[string]<-chan struct{} {
	r.mu.Lock()
	defer r.mu.Unlock()
	endings := make(map[string]<-chan struct{})
	for _, c := range r.checks() {
		if c.done != nil {
			endings[c.name] = c.done
		}
	}
	for name, done := range r.leaving {
		if _, replaced := endings[name]; replaced {
			name += " (unregistered)"
		}
		endings[name] = done
	}
	for i, w := range r.watching() {
		if w.done != nil {
			endings[fmt.Sprintf("the OnChange or Watch callback %d", i+1)] = w.done
		}
	}
	return endings
}
