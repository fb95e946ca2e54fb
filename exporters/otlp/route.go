package otlp

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"
)

// Stats counts what became of one signal on one way out. Produced is what was
// handed over, Sent what the receiver took, Failed what was given up or
// rejected. Spans and log records are counted one by one, metrics by data
// points of the collections that were made.
//
// With a buffer (see [Buffer]) the numbers go on where an earlier process left
// them, and at every moment Produced is Sent, Waiting and Failed together.
type Stats struct {
	Signal, Where          string
	Produced, Sent, Failed int64

	// The rest is 0 without a buffer.

	Dropped  Dropped // Failed, by reason
	OnDisk   int64   // of Waiting, what would survive the process
	SetAside int64   // damaged files beside the buffer, whose content is not counted
}

// Waiting is what is queued or on its way; without a buffer also what was
// dropped because the queue was full.
func (s Stats) Waiting() int64 { return s.Produced - s.Sent - s.Failed }

// route is one way out for one signal. It counts what takes it, reports what
// goes wrong, and ends it in bounded time.
type route struct {
	signal signal
	where  string // for people: no credentials

	produced, sent, failed atomic.Int64
	// reached is how much came to the exporter; produced less that, after a
	// flush, is what a full queue dropped.
	reached atomic.Int64

	reporter *reporter
	last     atomic.Pointer[deliveryError] // why something was not delivered

	life     context.Context // ends all attempts
	end      context.CancelFunc
	stopping chan struct{} // closed when shutdown begins
	once     sync.Once
	result   error // of shutdown
}

func newRoute(s signal, where string, headers map[string]string, handle func(error)) *route {
	r := &route{signal: s, where: where, stopping: make(chan struct{})}
	r.life, r.end = context.WithCancel(context.Background())
	r.reporter = &reporter{prefix: "otlp " + s.name + ": " + where, secrets: hide(headers), handle: handle}
	return r
}

// retry is the patience that this route's connection has.
func (r *route) retry(attempt time.Duration) *retry {
	return &retry{
		attempt: attempt, first: firstPause, longest: longestPause,
		stopping: r.stopping, failing: r.reporter.report,
	}
}

func (r *route) stats() Stats {
	// What is counted last is read first, so that Waiting is never negative.
	sent, failed := r.sent.Load(), r.failed.Load()
	return Stats{Signal: r.signal.name, Where: r.where, Produced: r.produced.Load(), Sent: sent, Failed: failed}
}

// deliver runs one export of n items and notes its fate, except for those that
// may be sent once more: they are the caller's to count. It returns how many
// were not taken.
func (r *route) deliver(ctx context.Context, n int64, export func(context.Context) error) (lost int64, err error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer context.AfterFunc(r.life, cancel)()

	if r.life.Err() != nil {
		// Shutdown ran out of time. Why is known from the attempts before.
		err = errors.New("the time for shutdown was up")
		r.last.CompareAndSwap(nil, &deliveryError{text: err.Error(), cause: err})
		return n, err
	}
	var a answer
	err = guard(func() error { return export(withAnswer(ctx, &a)) })
	switch {
	case a.taken:
		lost = min(max(a.rejected, 0), n)
	case err != nil:
		lost = n
	}
	r.sent.Add(n - lost)
	if lost > 0 && err == nil {
		err = errors.New("the receiver rejected them without a reason")
	}
	if err != nil {
		r.last.Store(&deliveryError{text: r.reporter.text(err), cause: err})
		if lost > 0 {
			err = fmt.Errorf("%d of %d %s not delivered: %w", lost, n, r.signal.items, err)
		}
		r.reporter.report(err)
	}
	return lost, err
}

// guard turns a panic into an error: on a background goroutine it would end the
// process. The panic's value is not shown, it may hold what a stranger sent.
func guard(run func() error) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("the exporter panicked with a %T", p)
		}
	}()
	return run()
}

// shutdown runs stop once, ends all attempts a little before ctx does, so that
// they can still say how they ended, and returns what stop and report have to
// say. Later calls return the same.
func (r *route) shutdown(ctx context.Context, stop func(context.Context) error, report func() error) error {
	r.once.Do(func() {
		close(r.stopping)
		defer r.end()
		if deadline, ok := ctx.Deadline(); ok {
			left := time.Until(deadline)
			timer := time.AfterFunc(left-min(left/10, 200*time.Millisecond), r.end)
			defer timer.Stop()
		}
		defer context.AfterFunc(ctx, r.end)()

		err := guard(func() error { return stop(ctx) })
		if undelivered := report(); undelivered != nil {
			// It has the reason; that time ran out follows from it.
			r.result = undelivered
			return
		}
		if err != nil && !errors.Is(err, context.Canceled) {
			r.result = fmt.Errorf("otlp %s: stop: %w", r.signal.name, &deliveryError{text: r.reporter.text(err), cause: err})
		}
	})
	return r.result
}

// undelivered says how much of all that was produced did not arrive; nil if
// everything did.
func (r *route) undelivered(queue int) error {
	produced, sent := r.produced.Load(), r.sent.Load()
	lost := produced - sent
	if lost <= 0 {
		return nil
	}
	text := fmt.Sprintf("otlp %s: %d of %d %s not delivered to %s", r.signal.name, lost, produced, r.signal.items, r.where)
	last := r.last.Load()
	if last != nil {
		text += ": " + last.text
	}
	dropped := produced - r.reached.Load()
	switch {
	case dropped > 0 && r.failed.Load() > 0:
		text += fmt.Sprintf("; %d of them never left the queue of %d", dropped, queue)
	case dropped > 0:
		text += fmt.Sprintf(": %d of them never left the queue of %d", dropped, queue)
	}
	if last == nil {
		return errors.New(text)
	}
	return &deliveryError{text: text, cause: last.cause}
}

// arrived counts items that came out of the queue and reports what cannot be in
// it any more: the queue drops without a word.
func (r *route) arrived(n int, b batching) {
	reached := r.reached.Add(int64(n))
	room := int64(b.queue + b.most)
	missing := r.produced.Load() - reached - room
	if missing > 0 {
		r.reporter.report(fmt.Errorf("at least %d %s dropped: the queue of %d is full", missing, r.signal.items, b.queue))
	}
}

// failedSince says what a flush did not deliver.
func (r *route) failedSince(before int64) error {
	lost := r.failed.Load() - before
	if lost <= 0 {
		return nil
	}
	last := r.last.Load()
	return &deliveryError{
		text:  fmt.Sprintf("otlp %s: %d %s not delivered to %s: %s", r.signal.name, lost, r.signal.items, r.where, last.text),
		cause: last.cause,
	}
}
