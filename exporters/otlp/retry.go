package otlp

import (
	"context"
	"fmt"
	"math/rand/v2"
	"time"
)

// patience is how long sending one batch is tried without a buffer.
const patience = time.Minute

// The pauses between two attempts grow from the first to the longest.
const (
	firstPause   = 100 * time.Millisecond
	longestPause = 5 * time.Second
)

// pauses is the last pause between two attempts, from which the next one grows.
type pauses time.Duration

// next returns how long to wait: 0.5 to 1.5 times a pause that doubles each time. The
// random part keeps many senders from trying at the same moment.
func (p *pauses) next(first, longest time.Duration) time.Duration {
	d := min(max(2*time.Duration(*p), first), longest)
	*p = pauses(d)
	return d/2 + rand.N(d)
}

// retry tries to send a batch until it is taken, refused, or the time is up. It
// replaces the stock exporters' own retries, which are switched off: those of HTTP
// give up at once when a connection is refused, and those of gRPC after the timeout
// of a single attempt.
type retry struct {
	attempt  time.Duration   // bounds one attempt
	stopping <-chan struct{} // closed when the process stops: no more long pauses
	// failing is called with the error of the first failed attempt, so that an
	// operator need not wait for a minute to read about it.
	failing func(error)
}

// do calls try until it succeeds or trying again is of no use, and returns how the
// last attempt ended.
func (r *retry) do(ctx context.Context, try func(context.Context) outcome) outcome {
	giveUp := time.Now().Add(patience)
	var pause pauses
	var last outcome
	for n := 1; ; n++ {
		o := r.once(ctx, try)
		switch {
		case o.fate == taken:
			return o
		case ctx.Err() != nil && n > 1:
			return last // this attempt was cut short; the one before says more
		case ctx.Err() != nil:
			return outcome{fate: later, err: fmt.Errorf("no answer before the time was up: %w", o.err)}
		case o.fate != later:
			return o
		}
		last = o
		if n == 1 {
			r.failing(fmt.Errorf("%w; trying again for up to %v", o.err, patience))
		}
		wait := max(o.pause, pause.next(firstPause, longestPause))
		if time.Now().Add(wait).After(giveUp) {
			last.err = fmt.Errorf("gave up after %d attempts: %w", n, o.err)
			return last
		}
		if !r.sleep(ctx, wait) {
			return last
		}
	}
}

func (r *retry) once(ctx context.Context, try func(context.Context) outcome) outcome {
	ctx, cancel := context.WithTimeout(ctx, r.attempt)
	defer cancel()
	return try(ctx)
}

// longestStoppingPause is the longest pause once the process is stopping.
const longestStoppingPause = 200 * time.Millisecond

// sleep returns false if ctx ended meanwhile.
func (r *retry) sleep(ctx context.Context, wait time.Duration) bool {
	stopping := r.stopping
	select {
	case <-stopping:
		wait, stopping = min(wait, longestStoppingPause), nil
	default:
	}
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-stopping: // the receiver may be back by now: no time to lose
		return true
	case <-ctx.Done():
		return false
	}
}
