package otlp

import (
	"context"
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"
)

// The pauses between attempts while something is to be mended, and the longest
// that a receiver may ask for.
const (
	firstMendingPause   = time.Second
	longestMendingPause = time.Minute
	longestAskedPause   = 10 * time.Minute
)

// keeper is one way out for one signal that leads over the buffer: everything is
// on disk before it is sent, and is sent in order, one request at a time.
type keeper struct {
	signal  signal
	where   string // for people: no credentials
	store   *store
	account *account
	sender  sender
	attempt time.Duration // bounds one attempt

	reporter *reporter
	handle   func(error)
	last     atomic.Pointer[deliveryError] // why something was dropped
	failures atomic.Int64                  // attempts that have to be made again
	trouble  atomic.Bool                   // the last attempt was one of them
	told     int64                         // of what the queue dropped, what keep has reported

	life     context.Context // ends the attempt under way
	end      context.CancelFunc
	stopping chan struct{} // closed when shutdown begins
	drained  chan struct{} // closed when nothing more is put
	ended    chan struct{} // closed when the loop has ended
	once     sync.Once
	result   error
}

func newKeeper(s signal, t target, st *store, handle func(error)) (*keeper, error) {
	out, err := newSender(s, t)
	if err != nil {
		return nil, err
	}
	k := &keeper{
		signal: s, where: t.url.String(), store: st, sender: out, attempt: t.timeout, handle: handle,
		stopping: make(chan struct{}), drained: make(chan struct{}), ended: make(chan struct{}),
	}
	k.reporter = &reporter{prefix: "otlp " + s.name + ": " + k.where, secrets: hide(t.headers), handle: handle}
	k.life, k.end = context.WithCancel(context.Background())
	st.mu.Lock()
	k.account = st.account(s)
	k.told = k.account.ledger.dropped[queueFull]
	st.users++
	st.mu.Unlock()
	go k.run()
	return k, nil
}

// keep stores the request that export makes of n items, which were accepted.
func (k *keeper) keep(n int64, export func(context.Context) error) {
	body, err := capture(export)
	if err != nil {
		k.store.drop(k.account, n, damaged)
		k.dropped(fmt.Errorf("put into protobuf: %w", err), n)
	} else {
		k.store.put(k.account, n, body)
	}
	if full := k.store.ledger(k.account).dropped[queueFull] - k.told; full > 0 {
		k.told += full
		k.reporter.report(fmt.Errorf("%d %s dropped: the queue in memory is full, the disk or the processor is too slow", full, k.signal.items))
	}
}

// dropped notes and reports why n items were given up.
func (k *keeper) dropped(err error, n int64) {
	k.last.Store(&deliveryError{text: k.reporter.text(err), cause: err})
	k.reporter.report(fmt.Errorf("%d %s dropped: %w", n, k.signal.items, err))
}

// run sends what there is until shutdown.
func (k *keeper) run() {
	defer close(k.ended)
	pause := time.Duration(0) // the next one after a failure; 0 after a success
	for k.life.Err() == nil {
		e, body, ok := k.store.pick(k.account)
		if !ok {
			if !k.await() {
				return
			}
			continue
		}
		o := k.try(body, e)
		if o.fate == taken || o.fate == refused || o.fate == toolong {
			pause = 0
			continue
		}
		first, longest := firstPause, longestPause
		if o.fate == mending {
			first, longest = firstMendingPause, longestMendingPause
		}
		pause = min(max(2*pause, first), longest)
		if !k.sleep(pause/2+rand.N(pause), min(o.pause, longestAskedPause)) {
			return
		}
	}
}

// await returns when there may be something to send, and false if there will be
// nothing any more.
func (k *keeper) await() bool {
	select {
	case <-k.account.wake:
		return true
	default:
	}
	select {
	case <-k.account.wake:
		return true
	case <-k.drained:
		select {
		case <-k.account.wake: // the last thing put
			return true
		default:
			return false
		}
	case <-k.life.Done():
		return false
	}
}

// sleep waits before another attempt. It returns false if there is to be none:
// a process that stops makes one more at once, unless the receiver asked for
// patience or the last one was made while stopping; the rest is safe on disk.
func (k *keeper) sleep(own, asked time.Duration) bool {
	select {
	case <-k.stopping:
		return false
	default:
	}
	timer := time.NewTimer(max(own, asked))
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-k.stopping:
		k.sender.hurry()
		return asked <= 0
	case <-k.life.Done():
		return false
	}
}

// flushed returns when all that was put so far is settled, an attempt failed, or
// ctx ends: what is on disk by then needs no waiting for.
func (k *keeper) flushed(ctx context.Context) error {
	failures := k.failures.Load()
	k.store.mu.Lock()
	target := k.account.last
	k.store.mu.Unlock()
	for {
		k.store.mu.Lock()
		l, changed := k.account.ledger, k.store.changed
		done := k.account.mark >= target || l.disk == 0 && k.account.pending == 0
		k.store.mu.Unlock()
		if done || k.trouble.Load() || k.failures.Load() > failures {
			return nil
		}
		select {
		case <-changed:
		case <-k.ended:
			return nil
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// stats is what became of everything, over all processes that used the buffer.
func (k *keeper) stats() Stats {
	l := k.store.ledger(k.account)
	s := l.stats(k.signal, k.where)
	s.SetAside = k.store.setAside
	return s
}
