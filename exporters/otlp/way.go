package otlp

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/rusmes/otelmail/exporters/otlp/internal/ledger"
	"github.com/rusmes/otelmail/internal/report"
)

// way is one way out for one signal: directly to the receiver (or the console), or
// through the buffer.
type way interface {
	books
	// take sends or stores the request that request makes of n waiting items, or lets it
	// print them. It returns false if they go on waiting: they were not taken, and again says that
	// the caller will hand them over again.
	take(ctx context.Context, n int64, again bool, request func(context.Context) ([]byte, error)) bool
	// flush calls write, which hands everything that waits in memory to take, and
	// returns what was dropped meanwhile.
	flush(ctx context.Context, write func(context.Context) error) error
	// shutdown calls stop, which hands the last items to take, ends all attempts a
	// little before ctx does, and returns what was not delivered. Later calls
	// return the same. missing, if not nil, says what was not delivered without a
	// buffer, and from which state on the reasons count.
	shutdown(ctx context.Context, stop func(context.Context) error, missing func() (what string, since ledger.Ledger)) error
	lifetime() context.Context // ends a little before the time for shutdown is up
	stats() Stats
	problem(err error) // reports err, of each kind at most once a minute
}

// books count what becomes of everything.
type books interface {
	Accept(n int64)                  // n items were produced and wait
	Drop(n int64, why ledger.Reason) // n waiting items are given up
	Ledger() ledger.Ledger
}

// route is what both ways have in common.
type route struct {
	books
	signal signal
	where  string // shown in errors: no credentials
	queue  int    // size of the queue in memory, in items

	words    wording
	reporter *report.Reporter
	last     atomic.Pointer[report.Error] // why something was not delivered
	full     int64                        // how many items that did not fit the queue are reported already

	life     context.Context // ends all attempts
	end      func()
	stopping chan struct{} // closed when shutdown begins
	stopBy   time.Time     // when it has to end, once stopping is closed
	once     sync.Once
	result   error // of shutdown
}

func newRoute(b books, s signal, where string, words wording, queue int, handle func(error)) *route {
	r := &route{books: b, signal: s, where: where, queue: queue, words: words, stopping: make(chan struct{})}
	r.full = b.Ledger().Dropped[ledger.QueueFull]
	life, end := context.WithCancelCause(context.Background())
	r.life, r.end = life, func() { end(errNoTime) }
	r.reporter = report.New(handle, func(err error) string { return "otlp " + s.name + ": " + where + ": " + r.words.text(err) })
	return r
}

func (r *route) problem(err error) { r.reporter.Report(kindOf(err), err) }

// certificates reports what is wrong with the files of TLS, for which other reports are
// no reason to wait.
func (r *route) certificates(err error) { r.reporter.Report("certificates", err) }

func (r *route) lifetime() context.Context { return r.life }

func (r *route) stats() Stats { return statsOf(r.Ledger(), r.signal, r.where) }

// note remembers why something was not delivered.
func (r *route) note(err error) { r.last.Store(&report.Error{Text: r.words.text(err), Cause: err}) }

// overflow reports what did not fit the queue in memory. take calls it, on a goroutine
// for which no application waits.
func (r *route) overflow() {
	full := r.Ledger().Dropped[ledger.QueueFull]
	if n := full - r.full; n > 0 {
		r.full = full
		r.problem(fmt.Errorf("%d %s dropped: the queue of %d is full, what empties it is too slow", n, r.signal.items, r.queue))
	}
}

// dropped is an error about what was dropped since an earlier state; nil if nothing was.
func (r *route) dropped(since ledger.Ledger) error {
	n := r.Ledger().Lost() - since.Lost()
	if n <= 0 {
		return nil
	}
	return r.undelivered(fmt.Sprintf("%d %s", n, r.signal.items), since)
}

// undelivered is the error that what was not delivered, with the reasons.
func (r *route) undelivered(what string, since ledger.Ledger) error {
	now := r.Ledger()
	text := fmt.Sprintf("otlp %s: %s not delivered to %s: %s", r.signal.name, what, r.where, now.Reasons(since))
	if n := now.Dropped[ledger.QueueFull] - since.Dropped[ledger.QueueFull]; n > 0 {
		text += fmt.Sprintf(" (%d never left the queue of %d)", n, r.queue)
	}
	last := r.last.Load()
	if last == nil {
		return errors.New(text)
	}
	return &report.Error{Text: text + ": " + last.Text, Cause: last.Cause}
}

// stopped wraps an error of stopping.
func (r *route) stopped(with string, err error) error {
	return fmt.Errorf("otlp %s: stop%s: %w", r.signal.name, with, &report.Error{Text: r.words.text(err), Cause: err})
}

var errNoTime = errors.New("the time for shutdown was up")

// finish runs end once, ends all attempts a little before ctx does, so that what follows
// them can be done yet, and returns what end did. What follows takes less than spare, and
// gets at most a quarter of the time.
func (r *route) finish(ctx context.Context, spare time.Duration, end func(context.Context) error) error {
	r.once.Do(func() {
		deadline, ok := ctx.Deadline()
		r.stopBy = deadline
		close(r.stopping)
		defer r.end()
		if ok {
			left := time.Until(deadline)
			timer := time.AfterFunc(left-min(left/4, spare), r.end)
			defer timer.Stop()
		}
		defer context.AfterFunc(ctx, r.end)()
		r.result = end(ctx)
	})
	return r.result
}

// dropDamaged counts an item that could not be cleaned as dropped.
func dropDamaged(w way, err error) {
	w.Accept(1)
	w.Drop(1, ledger.Damaged)
	w.problem(err)
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
