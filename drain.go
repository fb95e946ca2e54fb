package otelmail

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/rusmes/otelmail/internal/stop"
)

// drainTimeout is for a context without a deadline: Kubernetes kills after 30 s.
const drainTimeout = 25 * time.Second

// Drain ends a mail server so that nobody finds the door closed who was sent there. /ready
// answers 503 from this moment on; for the time of accepting the server goes on as before,
// until load balancers have looked and every node has heard of it: 5 s are enough for most.
// Then end is called, all of it side by side: each function closes listeners and returns when
// the sessions have ended, as the Shutdown of net/http, otelsmtp and otelimap does. Last comes
// [Telemetry.Shutdown], which flushes what the sessions have recorded. Providers of the application's
// own ([New]) are shut down before that, in the function that ends the server.
//
// All of it has until ctx's deadline, which is the grace period, or 25 s where there is none.
// The last 5 s of it ([WithShutdownTimeout]), but no more than a third, are kept for Shutdown,
// which takes no longer however early it begins: ctx of end is over before, and what hangs is
// left behind. Of the rest accepting has at most half.
// When ctx is cancelled all steps end at once. So give it a context of its own, not the one that
// ended with the signal, and let a second signal end the program, see the example.
//
// The error names what did not end in time, what could not be delivered, and an accepting that is
// negative or did not fit, which changes nothing about the rest.
func (t *Telemetry) Drain(ctx context.Context, accepting time.Duration, end ...func(context.Context) error) error {
	t = t.orNoop()
	t.Health.Drain()
	if ctx == nil {
		ctx = context.Background()
	}
	if _, bounded := ctx.Deadline(); !bounded {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, drainTimeout)
		defer cancel()
	}
	deadline, _ := ctx.Deadline()
	early, cancel := context.WithDeadline(ctx, deadline.Add(-min(t.stopper.Timeout, time.Until(deadline)/3)))
	defer cancel()
	err := errors.Join(goOn(early, accepting), endAll(early, end))
	if err != nil {
		err = fmt.Errorf("otelmail: drain: %w", err)
	}
	last, cancel := context.WithTimeout(ctx, t.stopper.Timeout)
	defer cancel()
	return errors.Join(err, t.Shutdown(last))
}

// goOn waits for the time of accepting, or for half of what ctx has.
func goOn(ctx context.Context, accepting time.Duration) (err error) {
	if accepting < 0 {
		return fmt.Errorf("accepting for %v: must be 0 or more", accepting)
	}
	deadline, _ := ctx.Deadline()
	if most := max(0, time.Until(deadline)/2); accepting > most {
		err = fmt.Errorf("accepting for %v: cut to %v, or the sessions had no time to end: ctx must last longer", accepting, most)
		accepting = most
	}
	over := time.NewTimer(accepting)
	defer over.Stop()
	select {
	case <-over.C:
	case <-ctx.Done():
	}
	return err
}

func endAll(ctx context.Context, end []func(context.Context) error) error {
	var servers stop.Stopper
	for i, f := range end {
		part := stop.Part{Name: fmt.Sprintf("server %d", i+1), Run: f}
		if f == nil {
			part.Run = func(context.Context) error { return errors.New("its function is nil") }
		}
		servers.Parallel = append(servers.Parallel, part)
	}
	return servers.Stop(ctx)
}
