package otlp

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// shutdown has stop put the last items, sends what the receiver takes without
// delay, and leaves the rest on disk. What is there is no loss: it is told to
// the error handler. Its result is about what was lost since the start, and
// later calls return the same.
func (k *keeper) shutdown(ctx context.Context, stop func(context.Context) error) error {
	k.once.Do(func() { k.result = k.finish(ctx, stop) })
	return k.result
}

func (k *keeper) finish(ctx context.Context, stop func(context.Context) error) error {
	close(k.stopping)
	defer k.end()
	if deadline, ok := ctx.Deadline(); ok {
		left := time.Until(deadline)
		timer := time.AfterFunc(left-min(left/10, 200*time.Millisecond), k.end)
		defer timer.Stop()
	}
	defer context.AfterFunc(ctx, k.end)()

	stopErr := guard(func() error { return stop(ctx) })
	close(k.drained)
	select {
	case <-k.ended:
	case <-ctx.Done():
		// The disk hangs: an attempt to send ended with life.
	}
	closeErr := k.sender.close()
	leaveErr := k.store.leave(ctx, k.account)

	l := k.store.ledger(k.account)
	if l.disk > 0 {
		k.handle(fmt.Errorf("otlp %s: %d %s wait in %s for the next start", k.signal.name, l.disk, k.signal.items, k.store.dir))
	}
	if lost := k.lost(l, k.account.start); lost != nil {
		return lost
	}
	if err := errors.Join(stopErr, closeErr, leaveErr); err != nil {
		text := fmt.Sprintf("otlp %s: stop", k.signal.name)
		if l.memory > 0 {
			text += fmt.Sprintf(" with %d %s neither sent nor on disk", l.memory, k.signal.items)
		}
		return fmt.Errorf("%s: %w", text, &deliveryError{text: k.reporter.text(err), cause: err})
	}
	return nil
}

// lost says what was dropped since an earlier state; nil if nothing was.
func (k *keeper) lost(now, before ledger) error {
	n := now.total() - before.total()
	if n <= 0 {
		return nil
	}
	text := fmt.Sprintf("otlp %s: %d %s not delivered to %s: %s", k.signal.name, n, k.signal.items, k.where, now.reasons(before))
	k.store.mu.Lock()
	failing := k.store.failing
	k.store.mu.Unlock()
	if now.dropped[diskFailed] > before.dropped[diskFailed] && failing != nil {
		return &deliveryError{text: text + ": " + failing.Error(), cause: failing}
	}
	if last := k.last.Load(); last != nil {
		return &deliveryError{text: text + ": " + last.text, cause: last.cause}
	}
	return errors.New(text)
}
