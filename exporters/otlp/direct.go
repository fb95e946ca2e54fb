package otlp

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/rusmes/otelmail/exporters/otlp/internal/ledger"
	"github.com/rusmes/otelmail/internal/report"
)

// direct is the way without a buffer: a request is sent at once, and given up after a while,
// or something is printed.
type direct struct {
	*route
	book   *ledger.Book
	sender sender // nil: it is printed
	retry  *retry
}

// newDirect makes the way to t. total bounds the attempts to send one batch.
func newDirect(s signal, t target, queue int, total time.Duration, handle func(error)) (*direct, error) {
	book := &ledger.Book{}
	d := &direct{book: book, route: newRoute(book, s, t.shown(), t.words(), queue, handle)}
	t.tls.report = d.certificates
	d.retry = &retry{route: d.route, attempt: t.timeout, total: total}
	var err error
	if d.sender, err = newSender(s, t); err != nil {
		d.end()
	}
	return d, err
}

func newConsole(s signal, queue int, handle func(error)) *direct {
	book := &ledger.Book{}
	return &direct{book: book, route: newRoute(book, s, console, wordingFor(nil), queue, handle)}
}

func (d *direct) take(ctx context.Context, n int64, again bool, request func(context.Context) ([]byte, error)) bool {
	d.overflow()
	o := outcome{fate: later}
	if d.life.Err() == nil {
		o = d.send(ctx, request)
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

func (d *direct) send(ctx context.Context, request func(context.Context) ([]byte, error)) outcome {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer context.AfterFunc(d.life, cancel)()
	body, err := made(ctx, request)
	switch {
	case d.sender != nil && err == nil:
		return d.retry.do(ctx, func(ctx context.Context) outcome { return d.attempt(ctx, body) })
	case err == nil:
		return outcome{} // printed
	case ctx.Err() != nil:
		return outcome{fate: later, err: err} // cut short before there was a request
	case d.sender == nil:
		return outcome{fate: refused, err: err}
	}
	return outcome{fate: unencodable, err: err}
}

func (d *direct) attempt(ctx context.Context, body []byte) (o outcome) {
	if err := guard(func() error { o = d.sender.send(ctx, body); return nil }); err != nil {
		return outcome{fate: refused, err: err}
	}
	return o
}

// made is what request returns, which may panic.
func made(ctx context.Context, request func(context.Context) ([]byte, error)) (body []byte, err error) {
	err = guard(func() (err error) { body, err = request(ctx); return err })
	return body, err
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
	return d.finish(ctx, 200*time.Millisecond, func(ctx context.Context) error {
		err := errors.Join(guard(func() error { return stop(ctx) }), d.close())
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

func (d *direct) close() error {
	if d.sender == nil {
		return nil
	}
	return d.sender.close()
}

func (d *direct) missing() (what string, since ledger.Ledger) {
	now := d.Ledger()
	if now.Lost() == 0 {
		return "", since
	}
	return fmt.Sprintf("%d of %d %s", now.Lost(), now.Produced, d.signal.items), since
}
