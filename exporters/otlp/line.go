package otlp

import (
	"fmt"
	"time"

	"github.com/rusmes/otelmail/exporters/otlp/internal/store"
)

// After so many failed attempts with the request at the front of the line the one behind
// it is tried in its stead; after the first, while something is set aside already: where
// the receiver takes some requests and not others, more of these will come.
const (
	patientTries = 3
	waryTries    = 1
)

// The pauses between attempts with a request that is set aside.
const (
	firstDeferral   = 5 * time.Second
	longestDeferral = time.Hour
)

// front is the request at the front of the line, while attempts with it fail. Whether that
// is the request's fault or the receiver is away only another request can tell: when that
// is taken, and the front fails once more, the front is set aside. In an outage all fail,
// and nothing is.
type front struct {
	number  uint64
	tries   int
	behind  uint64 // number of the last request that was tried in its stead
	suspect bool   // and was taken
}

// failed counts a failed attempt with a request at the front. One that found nobody to
// connect to says nothing about the request.
func (f *front) failed(e store.Entry, o outcome) {
	if f.number != e.Number() {
		*f = front{number: e.Number(), behind: e.Number()}
	}
	if o.reached {
		f.tries++
	}
}

// run sends what is in the buffer until shutdown.
func (b *buffered) run() {
	defer close(b.ended)
	var pause pauses // none after a success
	var f front
	for b.life.Err() == nil {
		if b.tryDeferred() {
			continue
		}
		e, body, ok := b.account.Pick()
		if !ok {
			if !b.await() {
				return
			}
			continue
		}
		o := b.try(body, e)
		if !o.stays() {
			pause = 0
			continue
		}
		f.failed(e, o)
		if f.suspect && o.reached && b.life.Err() == nil {
			b.setAside(e, f.tries, o.err)
			pause = 0
			continue
		}
		if f.tries >= b.enoughTries() && o.reached {
			if o.pause > 0 && !b.sleep(0, o.pause) {
				return
			}
			o.pause = 0
			if o = b.tryBehind(&f, o); !o.stays() {
				f.suspect = true // tried again at once
				continue
			}
		}
		first, longest := firstPause, longestPause
		if o.fate == misconfigured {
			first, longest = firstMisconfiguredPause, longestMisconfiguredPause
		}
		if !b.sleep(pause.next(first, longest), o.pause) {
			return
		}
	}
}

func (b *buffered) enoughTries() int {
	if items, _ := b.account.Deferred(); items > 0 {
		return waryTries
	}
	return patientTries
}

// tryBehind makes one attempt with the next request behind the front, and in the end
// begins with the first again. If there is none, it returns what became of the front.
func (b *buffered) tryBehind(f *front, last outcome) outcome {
	if b.isStopping() {
		return last
	}
	e, body, ok := b.account.PickBehind(f.behind)
	if !ok {
		f.behind = f.number
		if e, body, ok = b.account.PickBehind(f.behind); !ok {
			return last
		}
	}
	f.behind = e.Number()
	o := b.try(body, e)
	if o.fate != taken && !o.stays() {
		return last // it was refused or damaged, which says nothing about the front
	}
	return o
}

// setAside lets the others pass a request that the receiver does not take.
func (b *buffered) setAside(e store.Entry, tries int, err error) {
	b.failing.Store(false)
	b.account.Defer(e, time.Now().Add(deferral(e)))
	b.reporter.Report("aside", fmt.Errorf("%d %s are set aside after %d attempts, since others are taken: %w; they are kept in %s and tried again, ever more seldom",
		e.Items, b.signal.items, tries, err, b.store.Dir))
}

// deferral is how long a request is set aside: each time for longer.
func deferral(e store.Entry) time.Duration {
	p := pauses(min(firstDeferral<<min(e.Deferred, 16), longestDeferral) / 2)
	return p.next(firstDeferral, longestDeferral)
}

// tryDeferred makes one attempt with a request that is set aside and due, unless the
// others are not taken either, or the process stops.
func (b *buffered) tryDeferred() (tried bool) {
	if b.failing.Load() || b.isStopping() {
		return false
	}
	e, body, ok := b.account.PickDeferred()
	if !ok {
		return false
	}
	switch o := b.try(body, e); {
	case o.fate == taken:
		b.account.Hasten()
	case o.stays():
		b.failing.Store(false) // the others do not fail
		b.account.Defer(e, time.Now().Add(deferral(e)))
	}
	return true
}

func (b *buffered) isStopping() bool {
	select {
	case <-b.stopping:
		return true
	default:
		return false
	}
}

// await waits until there may be something to send, and returns false if nothing more
// will come.
func (b *buffered) await() bool {
	var due <-chan time.Time
	if _, at := b.account.Deferred(); !at.IsZero() && !b.isStopping() {
		timer := time.NewTimer(time.Until(at))
		defer timer.Stop()
		due = timer.C
	}
	select {
	case <-b.account.Wake():
		return true
	case <-due:
		return true
	case <-b.drained:
		select {
		case <-b.account.Wake(): // the last thing put
			return true
		default:
			return false
		}
	case <-b.life.Done():
		return false
	}
}

// sleep waits before another attempt, for as long as the receiver asked at least, within
// reason. It returns false if there is to be none: a process that stops makes one more at
// once, unless the receiver asked for a pause or the last one was made while stopping. What
// is not sent is safe on disk.
func (b *buffered) sleep(own, asked time.Duration) bool {
	if b.isStopping() {
		return false
	}
	timer := time.NewTimer(max(own, min(asked, longestAskedPause)))
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-b.stopping:
		return asked <= 0
	case <-b.life.Done():
		return false
	}
}
