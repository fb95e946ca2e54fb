package otlp

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/rusmes/otelmail/exporters/otlp/internal/ledger"
	"github.com/rusmes/otelmail/internal/report"
)

// direct is the way without a buffer: what a stock exporter makes is sent at once, and
// given up after a while, or it is printed.
type direct struct {
	*route
	book *ledger.Book
	wire wire
}

// newDirect makes the way to t. total bounds the attempts to send one batch.
func newDirect(s signal, t target, queue int, total time.Duration, handle func(error)) (*direct, error) {
	book := &ledger.Book{}
	d := &direct{book: book, route: newRoute(book, s, t.shown(), t.words(), queue, handle)}
	t.tls.report = d.certificates
	var err error
	if d.wire, err = newWire(s, t, &retry{route: d.route, attempt: t.timeout, total: total}); err != nil {
		d.end()
	}
	return d, err
}

// console is where the exporter named console writes.
const console = "standard output"

func newConsole(s signal, queue int, handle func(error)) *direct {
	book := &ledger.Book{}
	return &direct{book: book, route: newRoute(book, s, console, wordingFor(nil), queue, handle), wire: wire{console: true}}
}

// answer carries the outcome of a request from the transport beneath a stock exporter to
// send: the exporters return the same kind of error for a request that was refused and
// for one that was taken except for a few items.
type answer struct {
	outcome
	made bool // there was a request
}

type answerKey struct{}

// answered stores how a request ended in the answer that send has put into ctx.
func answered(ctx context.Context, o outcome) {
	if n, ok := ctx.Value(answerKey{}).(*answer); ok {
		*n = answer{o, true}
	}
}

func (d *direct) take(ctx context.Context, n int64, again bool, export func(context.Context) error) bool {
	d.overflow()
	o := outcome{fate: later}
	if d.life.Err() == nil {
		o = d.send(ctx, export)
	} else { // an earlier attempt may have stored a better reason
		d.last.CompareAndSwap(nil, &report.Error{Text: errNoTime.Error(), Cause: errNoTime})
	}
	lost := n
	if o.fate == taken {
		lost = min(o.rejected, n)
	}
	if o.err != nil {
		if lost > 0 {
			d.note(o.err)
			o.err = fmt.Errorf("%d of %d %s not delivered: %w", lost, n, d.signal.items, o.err)
		}
		d.problem(o.err)
	}
	if again && o.fate != taken {
		return false
	}
	why := o.fate.reason()
	if o.fate == later && (d.life.Err() != nil || errors.Is(o.err, errNoTime)) {
		why = ledger.Shutdown
	}
	d.book.Settle(n, n-lost, why)
	return true
}

func (d *direct) send(ctx context.Context, export func(context.Context) error) outcome {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer context.AfterFunc(d.life, cancel)()
	var n answer
	err := guard(func() error { return export(context.WithValue(ctx, answerKey{}, &n)) })
	switch {
	case n.made:
		return n.outcome
	case err == nil:
		return outcome{} // printed
	case ctx.Err() != nil:
		return outcome{fate: later, err: err} // cut short before there was a request
	case d.wire.console:
		return outcome{fate: refused, err: err}
	}
	return outcome{fate: unencodable, err: err}
}

func (d *direct) flush(ctx context.Context, write func(context.Context) error) error {
	before := d.Ledger()
	if err := write(ctx); err != nil {
		return fmt.Errorf("otlp %s: flush: %w", d.signal.name, err)
	}
	return d.dropped(before)
}

func (d *direct) shutdown(ctx context.Context, stop func(context.Context) error, missing func() (string, ledger.Ledger)) error {
	if missing == nil {
		missing = d.missing
	}
	return d.finish(ctx, func(ctx context.Context) error {
		err := errors.Join(guard(func() error { return stop(ctx) }), d.wire.close())
		d.book.Close(ledger.Shutdown)
		if what, since := missing(); what != "" {
			return d.undelivered(what, since) // says more than that time ran out
		}
		if err != nil && !errors.Is(err, context.Canceled) {
			return d.stopped("", err)
		}
		return nil
	})
}

func (d *direct) missing() (what string, since ledger.Ledger) {
	now := d.Ledger()
	if now.Lost() == 0 {
		return "", since
	}
	return fmt.Sprintf("%d of %d %s", now.Lost(), now.Produced, d.signal.items), since
}
