package health

import (
	"context"
	"maps"
	"slices"
	"time"
)

// Change is a change of a check's [State], and why.
type Change struct {
	Check    string
	From, To State

	// Lasted is how long the check was in the state From.
	Lasted time.Duration

	// Error is the text of the last run's error, whether [WithErrorDetail] is given or
	// not; empty for a run that hangs. It may name people: it is for the local log.
	Error string
}

// Watch calls f as [OnChange] does, but tells it more; it may be called several times, and
// after Start too. For who logs and counts what becomes of a registry that another has
// made, as otelmail.Start does. After Stop, and with a nil f, it does nothing.
func (r *Registry) Watch(f func(Change)) {
	if f == nil {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.stopped.Load() != nil {
		return
	}
	w := &watcher{registry: r, call: f, wake: make(chan struct{}, 1), reported: map[*check]standing{}}
	all := append(slices.Clone(r.watching()), w)
	r.watchers.Store(&all)
	if r.started.Load() {
		w.launch(r.ctx)
	}
}

// changed tells the watchers to look at the checks again. It never waits: one pending
// wake-up is enough.
func (r *Registry) changed() {
	for _, w := range r.watching() {
		select {
		case w.wake <- struct{}{}:
		default:
		}
	}
}

// watching returns the watchers as they are now. They must not be changed.
func (r *Registry) watching() []*watcher {
	if all := r.watchers.Load(); all != nil {
		return *all
	}
	return nil
}

// watcher calls one function, from a goroutine of its own.
type watcher struct {
	registry *Registry
	call     func(Change)
	wake     chan struct{}
	done     chan struct{}       // closed when its goroutine has ended; nil before Start
	reported map[*check]standing // what was reported last; used by its goroutine only
}

func (w *watcher) launch(ctx context.Context) {
	w.done = make(chan struct{})
	go w.watch(ctx)
}

// watch calls the function until ctx ends. It compares each check's state now with the
// state reported last, instead of queueing events: so its memory is bounded however
// slow the function is, and each change reported begins where the last one ended.
func (w *watcher) watch(ctx context.Context) {
	defer func() {
		if ctx.Err() == nil {
			// The callback called runtime.Goexit.
			go w.watch(ctx)
			return
		}
		close(w.done)
	}()
	// A timer, because a check also changes state by hanging or growing stale.
	timer := time.NewTimer(maxDuration)
	defer timer.Stop()
	for ctx.Err() == nil {
		timer.Reset(w.reportChanges(ctx))
		select {
		case <-ctx.Done():
		case <-w.wake:
		case <-timer.C:
		}
	}
}

// reportChanges reports every check whose state is not the one reported last, and
// returns how long it takes until the clock alone may change a state.
func (w *watcher) reportChanges(ctx context.Context) time.Duration {
	next := time.Now().Add(maxDuration)
	checks := w.registry.checks()
	maps.DeleteFunc(w.reported, func(c *check, _ standing) bool {
		at, found := find(checks, c.name)
		return !found || checks[at] != c
	})
	for _, c := range checks {
		if ctx.Err() != nil {
			break
		}
		now := time.Now()
		if at := c.changesAfter(now); !at.IsZero() && at.Before(next) {
			next = at
		}
		r := c.at(now)
		from, known := w.reported[c]
		if !known {
			from = standing{state: StateStarting, since: r.Since}
		}
		w.reported[c] = standing{state: r.State, since: r.Since}
		if r.State != from.state {
			w.report(Change{Check: c.name, From: from.state, To: r.State, Lasted: r.Since.Sub(from.since), Error: r.Error})
		}
	}
	// Negative if a call took that long: the timer then fires at once.
	return time.Until(next)
}

func (w *watcher) report(change Change) {
	defer func() { _ = recover() }() // a bug in the function must not end the process
	w.call(change)
}

// changesAfter returns the first moment after now at which the check's state changes
// merely because time passes: the run under way reaches its limit, a healthy result
// becomes stale, or either has lasted for long enough. It is zero if there is none.
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
	if _, since := c.overdue(now); !since.IsZero() {
		consider(c.failsAt(since))
	}
	return first
}
