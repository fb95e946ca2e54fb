package otlp

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/rusmes/otelmail/exporters/otlp/internal/ledger"
	"github.com/rusmes/otelmail/exporters/otlp/internal/store"
)

// The pauses between attempts while a setting is wrong, and the longest that a receiver
// may ask for.
const (
	firstMisconfiguredPause   = time.Second
	longestMisconfiguredPause = time.Minute
	longestAskedPause         = 10 * time.Minute
)

// buffered is the way through the buffer: everything is on disk before it is sent, and
// is sent in order, one request at a time, except for what is set aside.
type buffered struct {
	*route
	store   *store.Store
	account *store.Account
	sender  sender
	attempt time.Duration // bounds one attempt
	handle  func(error)

	failures atomic.Int64  // failed attempts whose request stays
	failing  atomic.Bool   // the last attempt was one of them
	drained  chan struct{} // closed when nothing more will be put
	ended    chan struct{} // closed when the loop has ended
}

// sender makes one attempt to send a serialised request.
type sender interface {
	send(ctx context.Context, body []byte) outcome
	close() error
}

func newSender(s signal, t target) (sender, error) {
	if t.transport == HTTP {
		return newPoster(s, t), nil
	}
	return newCaller(s, t)
}

func newBuffered(s signal, t target, queue int, st *store.Store, handle func(error)) (*buffered, error) {
	out, err := newSender(s, t)
	if err != nil {
		return nil, err
	}
	account := st.Join(s.name)
	b := &buffered{
		route: newRoute(account, s, t.shown(), t.words(), queue, handle),
		store: st, account: account, sender: out, attempt: t.timeout, handle: handle,
		drained: make(chan struct{}), ended: make(chan struct{}),
	}
	t.tls.report = b.certificates
	go b.run()
	return b, nil
}

// take stores the request and always returns true.
func (b *buffered) take(ctx context.Context, n int64, _ bool, request func(context.Context) ([]byte, error)) bool {
	body, err := made(ctx, request)
	if err != nil {
		b.Drop(n, ledger.Damaged)
		b.lost(fmt.Errorf("put into protobuf: %w", err), n)
	} else {
		b.account.Put(n, body)
	}
	b.overflow()
	return true
}

// lost notes and reports why n items were given up.
func (b *buffered) lost(err error, n int64) {
	b.note(err)
	b.problem(fmt.Errorf("%d %s dropped: %w", n, b.signal.items, err))
}

// try makes one attempt to send a record, and settles the record unless it stays.
func (b *buffered) try(body []byte, e store.Entry) (o outcome) {
	if body == nil {
		b.lost(errors.New("a stored record is damaged"), e.Items)
		b.account.Settle(e, 0, ledger.Damaged)
		return outcome{fate: unencodable}
	}
	ctx, cancel := context.WithTimeout(b.life, b.attempt)
	defer cancel()
	if err := guard(func() error { o = b.sender.send(ctx, body); return nil }); err != nil {
		o = outcome{fate: refused, err: err}
	}
	lost := e.Items
	switch o.fate {
	case later, misconfigured:
		b.failing.Store(true)
		b.failures.Add(1)
		b.account.Release()
		if b.life.Err() == nil {
			b.problem(fmt.Errorf("%w; what is not sent is kept in %s", o.err, b.store.Dir))
		}
		return o
	case taken:
		lost = min(o.rejected, e.Items)
	}
	b.failing.Store(false)
	if lost > 0 {
		b.lost(o.err, lost)
	} else if o.err != nil {
		b.problem(o.err)
	}
	b.account.Settle(e, e.Items-lost, o.fate.reason())
	return o
}

func (b *buffered) flush(ctx context.Context, write func(context.Context) error) error {
	before := b.Ledger()
	err := write(ctx)
	if err == nil {
		err = b.settled(ctx)
	}
	if err != nil {
		return fmt.Errorf("otlp %s: flush: %w", b.signal.name, err)
	}
	return b.dropped(before)
}

// settled returns when everything put so far is settled, an attempt has failed, or ctx
// ends. After a failed attempt there is no need to wait: the rest is on disk.
func (b *buffered) settled(ctx context.Context) error {
	failures, last := b.failures.Load(), b.account.Last()
	for {
		done, changed := b.account.Settled(last)
		if done || b.failing.Load() || b.failures.Load() > failures {
			return nil
		}
		select {
		case <-changed:
		case <-b.ended:
			return nil
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// dropped adds why the disk fails where that is the reason.
func (b *buffered) dropped(since ledger.Ledger) error {
	if failing := b.store.Failing(); failing != nil && b.Ledger().Dropped[ledger.Disk] > since.Dropped[ledger.Disk] {
		b.note(failing)
	}
	return b.route.dropped(since)
}

// stats is what became of everything, over all processes that used the buffer.
func (b *buffered) stats() Stats {
	s := b.route.stats()
	s.SetAside = b.store.SetAside()
	s.Deferred, _ = b.account.Deferred()
	return s
}

// shutdown sends what the receiver takes without delay, and leaves the rest on disk.
// That is not lost, so it is reported to the error handler and is not an error.
func (b *buffered) shutdown(ctx context.Context, stop func(context.Context) error, _ func() (string, ledger.Ledger)) error {
	return b.finish(ctx, time.Second, func(ctx context.Context) error { // the file is written and closed
		err := guard(func() error { return stop(b.life) }) // a little time is left for what follows
		close(b.drained)
		select {
		case <-b.ended:
		case <-ctx.Done():
			// The disk hangs: an attempt to send ended with life.
		}
		err = errors.Join(err, b.sender.close(), b.account.Leave(ctx))

		now, start := b.Ledger(), b.account.Start()
		if now.Disk > 0 {
			b.handle(fmt.Errorf("otlp %s: %d %s wait in %s for the next start", b.signal.name, now.Disk, b.signal.items, b.store.Dir))
		}
		if lost := b.dropped(start); lost != nil || err == nil {
			return lost
		}
		if now.Memory > 0 {
			return b.stopped(fmt.Sprintf(" with %d %s neither sent nor on disk", now.Memory, b.signal.items), err)
		}
		return b.stopped("", err)
	})
}
