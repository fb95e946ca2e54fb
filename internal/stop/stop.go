// Package stop ends what was started, by a deadline that holds even if a part hangs.
package stop

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/rusmes/otelmail/internal/contain"
)

// Part is one step of starting or stopping, with the name that errors give it.
type Part struct {
	Name string
	Run  func(context.Context) error
}

// Do runs the part. Its panic is returned as an error, and so is runtime.Goexit.
func (p Part) Do(ctx context.Context) error {
	var err error
	if wrong := contain.Apart(func() { err = p.Run(ctx) }); wrong != nil {
		return wrong
	}
	return err
}

// Stopper stops first what hands over to the others (First), then everything in Parallel,
// each part with the whole deadline, then what those parts used (Last), and in the end what
// all may still have written to (Final).
type Stopper struct {
	Timeout  time.Duration // where the caller sets no deadline
	First    []Part        // each at once: the others wait for it
	Parallel []Part
	Last     []Part
	Final    []Part

	once sync.Once
	err  error
}

// Stop stops all parts and returns what went wrong. It returns by ctx's deadline,
// even if a part hangs. A second call waits for the first and returns the same.
func (s *Stopper) Stop(ctx context.Context) error {
	if ctx == nil {
		ctx = context.Background()
	}
	if _, bounded := ctx.Deadline(); !bounded {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, s.Timeout)
		defer cancel()
	}
	s.once.Do(func() {
		s.err = errors.Join(stopAll(ctx, s.First), stopAll(ctx, s.Parallel), stopAll(ctx, s.Last), stopAll(ctx, s.Final))
	})
	return s.err
}

// stopAll stops parts in parallel and waits for them until ctx ends. The parts see
// a deadline a little earlier than ctx's, so that one which runs into it has
// time to return what it could not deliver.
func stopAll(ctx context.Context, parts []Part) error {
	type result struct {
		i   int
		err error
	}
	deadline, _ := ctx.Deadline()
	early, cancel := context.WithDeadline(ctx, deadline.Add(-min(200*time.Millisecond, time.Until(deadline)/10)))
	defer cancel()
	results := make(chan result, len(parts))
	errs := make([]error, len(parts))
	for i, p := range parts {
		errs[i] = errStillRunning
		go func() { results <- result{i, p.Do(early)} }()
	}
	take := func(r result) { errs[r.i] = r.err }
	for range parts {
		select {
		case r := <-results:
			take(r)
		case <-ctx.Done():
			select { // what ended in time counts, even if it is looked at too late
			case r := <-results:
				take(r)
			default:
			}
		}
	}
	for i, err := range errs {
		if err != nil {
			errs[i] = fmt.Errorf("shut down %s: %w", parts[i].Name, err)
		}
	}
	return errors.Join(errs...)
}

var errStillRunning = errors.New("did not stop in time")
