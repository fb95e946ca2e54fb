package otelmail

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"
)

// stopper stops what Start has started: first everything in parallel, each with
// the whole deadline, then what the parts stood on, and at last what all of
// these may still have written to.
type stopper struct {
	timeout  time.Duration
	parallel []part
	last     []part
	final    []part
	once     sync.Once
	err      error
}

// Shutdown turns /ready off, flushes and stops every part, and returns what
// could not be delivered: how much, and where to. The parts stop in parallel and
// each has until ctx's deadline, or 5 s ([WithShutdownTimeout]) when ctx has
// none: a collector that is away takes no time from the others. It returns
// within the deadline even if a part hangs. A second call waits for the first
// and returns the same.
//
// Take no new mail and let the open sessions end before calling it; to have the
// load balancer look away earlier, call Health.Drain.
func (t *Telemetry) Shutdown(ctx context.Context) error {
	t.Health.Drain()
	return t.stopper.stop(ctx)
}

func (s *stopper) stop(ctx context.Context) error {
	if ctx == nil {
		ctx = context.Background()
	}
	if _, bounded := ctx.Deadline(); !bounded {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, s.timeout)
		defer cancel()
	}
	s.once.Do(func() {
		s.err = errors.Join(runAll(ctx, s.parallel), runAll(ctx, s.last), runAll(ctx, s.final))
	})
	return s.err
}

// runAll runs parts in parallel and waits for them until ctx ends. The parts see
// a deadline a little earlier than ctx's, so that one which runs into it has
// the time to return what it could not deliver.
func runAll(ctx context.Context, parts []part) error {
	type result struct {
		i   int
		err error
	}
	partsCtx, cancel := withEarlierDeadline(ctx)
	defer cancel()
	results := make(chan result, len(parts))
	errs := make([]error, len(parts))
	for i, p := range parts {
		errs[i] = errStillRunning
		go func() { results <- result{i, runPart(partsCtx, p)} }()
	}
wait:
	for range parts {
		select {
		case r := <-results:
			errs[r.i] = r.err
		case <-ctx.Done():
			break wait
		}
	}
	for i, err := range errs {
		if err != nil {
			errs[i] = fmt.Errorf("shut down %s: %w", parts[i].name, err)
		}
	}
	return errors.Join(errs...)
}

func withEarlierDeadline(ctx context.Context) (context.Context, context.CancelFunc) {
	const most = 200 * time.Millisecond
	deadline, ok := ctx.Deadline()
	if !ok {
		return context.WithCancel(ctx)
	}
	return context.WithDeadline(ctx, deadline.Add(-min(most, time.Until(deadline)/10)))
}

var errStillRunning = errors.New("did not stop in time")

func runPart(ctx context.Context, p part) (err error) {
	defer func() {
		if v := recover(); v != nil {
			err = fmt.Errorf("panicked with a %T", v)
		}
	}()
	return p.run(ctx)
}
