package demo

import (
	"container/heap"
	"context"
	"crypto/rand"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/rusmes/otelmail"
)

// queue hands out the messages of the spool when they are due.
type queue struct {
	tel   *otelmail.Telemetry
	spool *spool

	hold time.Duration // how long mail that is held is kept back

	mu       sync.Mutex
	waiting  byTime
	active   map[*item]bool // with a worker
	changed  chan struct{}  // closed and replaced at every change
	draining bool
	pauses   int // while there are any nothing is handed out

	// storing is held for reading while a message is stored, and for writing while the spool
	// is moved.
	storing sync.RWMutex
}

// openQueue takes up what an earlier run has left in the spool.
func openQueue(tel *otelmail.Telemetry, s *spool, hold time.Duration) (*queue, error) {
	items, err := s.load()
	if err != nil {
		return nil, err
	}
	q := &queue{tel: tel, spool: s, hold: hold, waiting: items, active: map[*item]bool{}, changed: make(chan struct{})}
	heap.Init(&q.waiting)
	tel.Queue.Observe(q.state)
	return q, nil
}

// state tells the telemetry what the queue holds.
func (q *queue) state(context.Context) (otelmail.QueueState, error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	var s otelmail.QueueState
	now := time.Now()
	for _, it := range q.waiting {
		switch {
		case !it.Next.After(now):
			it.share(&s.Ready)
		case it.Held:
			it.share(&s.Hold)
		default:
			it.share(&s.Deferred)
		}
	}
	for it := range q.active {
		it.share(&s.Active)
	}
	return s, nil
}

// enqueue stores a message and has it worked on as soon as a worker is free.
// When it returns nil the message is safe on disk.
func (q *queue) enqueue(ctx context.Context, it *item, message []byte) error {
	it.ID = rand.Text()[:12]
	it.Size = int64(len(message))
	it.Next = time.Now()
	if slices.ContainsFunc(it.Recipients, func(r string) bool { return strings.HasPrefix(localPartOf(r), "hold") }) {
		it.Held, it.Next = true, it.Next.Add(q.hold)
	}

	var putting otelmail.Queueing
	it.Telemetry, putting = q.tel.Queue.Enqueue(ctx, it.facts())
	q.storing.RLock()
	err := q.spool.add(it, message)
	q.storing.RUnlock()
	if err != nil {
		putting.End(otelmail.CauseStorage)
		return err
	}
	putting.End(otelmail.CauseNone)
	q.put(it)
	return nil
}

// take returns the next message that is due, or nil when there is none within
// the given time, when ctx has ended, or at once while the queue drains.
func (q *queue) take(ctx context.Context, within time.Duration) *item {
	limit := time.NewTimer(within)
	defer limit.Stop()
	for ctx.Err() == nil {
		it, wait, changed := q.pop()
		if it != nil || q.isDraining() {
			return it
		}
		due := time.NewTimer(wait)
		select {
		case <-due.C:
		case <-changed:
		case <-ctx.Done():
		case <-limit.C:
			due.Stop()
			return nil
		}
		due.Stop()
	}
	return nil
}

// pop takes the first message if it is due, else says how long that will be and
// what to listen to for an earlier one.
func (q *queue) pop() (it *item, wait time.Duration, changed <-chan struct{}) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if len(q.waiting) == 0 || q.pauses > 0 {
		return nil, time.Hour, q.changed
	}
	if wait = time.Until(q.waiting[0].Next); wait > 0 {
		return nil, wait, q.changed
	}
	it = heap.Pop(&q.waiting).(*item)
	q.active[it] = true
	return it, 0, nil
}

// pause has nothing handed out until resume is called as often, and returns when no worker
// has a message any more.
func (q *queue) pause(ctx context.Context) error {
	q.mu.Lock()
	q.pauses++
	q.mu.Unlock()
	for q.busy() {
		select {
		case <-time.After(10 * time.Millisecond):
		case <-ctx.Done():
			q.resume()
			return fmt.Errorf("wait for the workers: %w", ctx.Err())
		}
	}
	return nil
}

func (q *queue) resume() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.pauses--
	q.wake()
}

func (q *queue) busy() bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	return len(q.active) > 0
}

// done forgets a message that was taken and has left the queue.
func (q *queue) done(it *item) {
	q.mu.Lock()
	defer q.mu.Unlock()
	delete(q.active, it)
}

// later puts a message that was taken back, to be tried again after a pause.
func (q *queue) later(it *item, pause time.Duration) error {
	q.mu.Lock()
	it.Next = time.Now().Add(pause)
	q.mu.Unlock()
	err := q.spool.update(it)
	// In memory it goes on even when the disk did not take the change: after a
	// restart the message would be tried too early, which harms nobody.
	q.put(it)
	return err
}

// behind reports whether mail comes faster than the workers can take it: all are busy, and
// a message has been due for a while.
func (q *queue) behind() bool {
	const while = 3 * time.Second
	q.mu.Lock()
	defer q.mu.Unlock()
	return len(q.active) == workers && len(q.waiting) > 0 && time.Since(q.waiting[0].Next) > while
}

// drain has take return what is due now and wait for nothing more.
func (q *queue) drain() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.draining = true
	q.wake()
}

func (q *queue) isDraining() bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.draining
}

func (q *queue) put(it *item) {
	q.mu.Lock()
	defer q.mu.Unlock()
	delete(q.active, it)
	heap.Push(&q.waiting, it)
	q.wake()
}

func (q *queue) wake() {
	close(q.changed)
	q.changed = make(chan struct{})
}

// byTime is a heap with the message that is due first on top.
type byTime []*item

func (b byTime) Len() int           { return len(b) }
func (b byTime) Less(i, j int) bool { return b[i].Next.Before(b[j].Next) }
func (b byTime) Swap(i, j int)      { b[i], b[j] = b[j], b[i] }
func (b *byTime) Push(x any)        { *b = append(*b, x.(*item)) }
func (b *byTime) Pop() any {
	last := len(*b) - 1
	it := (*b)[last]
	(*b)[last] = nil
	*b = (*b)[:last]
	return it
}
