package otlp

import (
	"context"
	"errors"
	"fmt"
)

// try makes one attempt and settles the record if it is over for it.
func (k *keeper) try(body []byte, e entry) outcome {
	if body == nil {
		k.dropped(errDamagedRecord, e.items)
		k.store.settle(k.account, e, 0, damaged)
		return outcome{fate: refused}
	}
	ctx, cancel := context.WithTimeout(k.life, k.attempt)
	defer cancel()
	var o outcome
	if err := guard(func() error { o = k.sender.send(ctx, body); return nil }); err != nil {
		o = outcome{fate: refused, err: err}
	}
	k.trouble.Store(o.fate == later || o.fate == mending)
	switch o.fate {
	case taken:
		lost := min(o.rejected, e.items)
		if lost > 0 {
			k.dropped(reasonOr(o.err), lost)
		} else if o.err != nil {
			k.reporter.report(o.err)
		}
		k.store.settle(k.account, e, e.items-lost, rejected)
	case refused, toolong:
		why := rejected
		if o.fate == toolong {
			why = tooLarge
		}
		k.dropped(o.err, e.items)
		k.store.settle(k.account, e, 0, why)
	case later, mending:
		k.failures.Add(1)
		k.store.release(k.account)
		if k.life.Err() == nil {
			k.reporter.report(fmt.Errorf("%w; what is not sent is kept in %s", o.err, k.store.dir))
		}
	}
	return o
}

func reasonOr(err error) error {
	if err == nil {
		return errors.New("the receiver gave no reason")
	}
	return err
}
