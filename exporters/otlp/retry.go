package otlp

import (
	"context"
	"fmt"
	"math/rand/v2"
	"time"
)

// patience is how long one batch is tried for.
const patience = time.Minute

// The pauses between two attempts grow from the first to the longest.
const (
	firstPause   = 100 * time.Millisecond
	longestPause = 5 * time.Second
)

// retry tries to send a batch until it is taken, refused for good, or the time
// is up. It stands in for the stock exporters' own retries, which are switched
// off: those of HTTP give up at once when a connection is refused, and those of
// gRPC after the timeout of a single attempt.
type retry struct {
	attempt  time.Duration   // bounds one attempt
	first    time.Duration   // the pause after the first attempt; each further one doubles
	longest  time.Duration   // bounds the pauses
	stopping <-chan struct{} // closed when there is no time for long pauses any more
	// failing hears of the first failed attempt, so that an operator need not
	// wait for a minute to read of it.
	failing func(error)
}

// verdict is how one attempt ended.
type verdict struct {
	err   error
	again bool          // the next attempt may succeed
	pause time.Duration // what the receiver asked for, if it did
}

// do runs try until it succeeds or there is no use in going on. Its error is the
// last attempt's.
func (r *retry) do(ctx context.Context, try func(context.Context) verdict) error {
	giveUp := time.Now().Add(patience)
	pause := r.first
	var last error
	for n := 1; ; n++ {
		v := r.once(ctx, try)
		if v.err == nil {
			return nil
		}
		if ctx.Err() != nil {
			// This attempt was cut off; an earlier one says more.
			if last != nil {
				return last
			}
			return fmt.Errorf("no answer before the time was up: %w", v.err)
		}
		last = v.err
		if !v.again {
			return last
		}
		if n == 1 {
			r.failing(fmt.Errorf("%w; trying again for up to %v", last, patience))
		}
		wait := max(v.pause, pause/2+rand.N(pause)) // 0.5 to 1.5 of the pause: many senders spread out
		if time.Now().Add(wait).After(giveUp) {
			return fmt.Errorf("gave up after %d attempts: %w", n, last)
		}
		if r.sleep(ctx, wait) != nil {
			return last
		}
		pause = min(2*pause, r.longest)
	}
}

func (r *retry) once(ctx context.Context, try func(context.Context) verdict) verdict {
	ctx, cancel := context.WithTimeout(ctx, r.attempt)
	defer cancel()
	return try(ctx)
}

// hurried is the longest pause once the process is stopping.
const hurried = 200 * time.Millisecond

func (r *retry) sleep(ctx context.Context, wait time.Duration) error {
	stopping := r.stopping
	select {
	case <-stopping:
		wait, stopping = min(wait, hurried), nil
	default:
	}
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-stopping: // the receiver may be back by now: no time to lose
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
