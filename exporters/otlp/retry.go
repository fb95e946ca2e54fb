package otlp

import (
	"context"
	"errors"
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
// of a single attempt. It sends one batch at a time.
type retry struct {
	*route
	attempt time.Duration // bounds one attempt
	total   time.Duration // bounds all of one batch, without the pauses that the receiver asks for

	until time.Time // the receiver wants no request before
	asked error     // what it said with that
}

// do calls try until it succeeds or trying again is of no use, and returns how the
// last attempt ended. The first failed one is reported, so that an operator need not wait
// for a minute to read about it.
func (r *retry) do(ctx context.Context, try func(context.Context) outcome) outcome {
	giveUp := time.Now().Add(r.total)
	var pause pauses
	var last outcome
	for n := 1; ; n++ {
		waited, err := r.heed(ctx)
		if err != nil {
			return outcome{fate: later, err: err}
		}
		giveUp = giveUp.Add(waited)
		o := r.once(ctx, giveUp, try)
		if o.fate != taken && o.pause > 0 {
			r.until, r.asked = time.Now().Add(min(o.pause, longestAskedPause)), o.err
		}
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
		wait := pause.next(firstPause, longestPause)
		asked := time.Until(r.until)
		if asked <= wait && time.Now().Add(wait).After(giveUp) {
			last.err = fmt.Errorf("gave up after %d attempts: %w", n, o.err)
			return last
		}
		if n == 1 && asked > 0 {
			r.problem(fmt.Errorf("%w; trying again in %v, as it asks", o.err, asked.Round(time.Second)))
		} else if n == 1 {
			r.problem(fmt.Errorf("%w; trying again for up to %v", o.err, r.total))
		}
		if asked <= wait && !r.sleep(ctx, wait) {
			return last
		}
	}
}

// heed waits until the receiver wants requests again, whichever batch it said so about: a
// process that asks again at once, with the next, is what the receiver cannot bear. It
// returns an error where there is no time for that.
func (r *retry) heed(ctx context.Context) (waited time.Duration, err error) {
	wait := time.Until(r.until)
	if wait <= 0 {
		return 0, nil
	}
	tooLong := func(why error) error {
		return fmt.Errorf("%w: the receiver is not asked again before %s: %w", why, r.until.Format(time.TimeOnly), r.asked)
	}
	if end, ok := ctx.Deadline(); ok && end.Before(r.until) {
		return 0, tooLong(errors.New("no time left"))
	}
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case <-timer.C:
		return wait, nil
	case <-ctx.Done():
		return 0, tooLong(context.Cause(ctx))
	case <-r.stopping:
	}
	if r.stopBy.Before(r.until) {
		return 0, tooLong(errNoTime)
	}
	select {
	case <-timer.C:
		return wait, nil
	case <-ctx.Done():
		return 0, tooLong(errNoTime)
	}
}

func (r *retry) once(ctx context.Context, giveUp time.Time, try func(context.Context) outcome) outcome {
	ctx, cancel := context.WithTimeout(ctx, min(r.attempt, time.Until(giveUp)))
	defer cancel()
	return try(ctx)
}

// longestStoppingPause is the longest pause once the process is stopping.
const longestStoppingPause = 200 * time.Millisecond

// sleep returns false if ctx ended meanwhile.
func (r *retry) sleep(ctx context.Context, wait time.Duration) bool {
	stopping := (<-chan struct{})(r.stopping)
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
