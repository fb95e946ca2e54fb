package otlp

import (
	"context"
	"slices"
	"sync"
	"time"

	"github.com/rusmes/otelmail/exporters/otlp/internal/ledger"
)

// intake is the queue in memory, which gathers items into batches. Adding one waits for
// neither disk nor network: what does not fit is dropped and counted. It replaces the
// SDK's batch processors, which do not report what they drop.
type intake[T any] struct {
	batching batching
	books    books
	write    func([]T) // may be slow

	mu     sync.Mutex
	items  []T
	closed bool

	enough  chan struct{}      // there is a full batch
	flushes chan chan struct{} // closed when everything added before is written
	ending  chan struct{}
	ended   chan struct{}
	once    sync.Once
}

func newIntake[T any](b batching, to books, write func([]T)) *intake[T] {
	i := &intake[T]{
		batching: b, books: to, write: write,
		enough: make(chan struct{}, 1), flushes: make(chan chan struct{}),
		ending: make(chan struct{}), ended: make(chan struct{}),
	}
	go i.run()
	return i
}

func (i *intake[T]) add(item T) {
	i.mu.Lock()
	defer i.mu.Unlock()
	if i.closed {
		return
	}
	i.books.Accept(1)
	if len(i.items) >= i.batching.queue {
		i.books.Drop(1, ledger.QueueFull)
		return
	}
	i.items = append(i.items, item)
	if len(i.items) >= i.batching.most {
		select {
		case i.enough <- struct{}{}:
		default:
		}
	}
}

func (i *intake[T]) run() {
	defer close(i.ended)
	ticker := time.NewTicker(i.batching.delay)
	defer ticker.Stop()
	for {
		select {
		case <-i.enough:
			i.drain(i.batching.most)
		case <-ticker.C:
			i.drain(1)
		case done := <-i.flushes:
			i.drain(1)
			close(done)
		case <-i.ending:
			i.drain(1)
			return
		}
	}
}

// drain writes batches as long as there are at least least items.
func (i *intake[T]) drain(least int) {
	for {
		i.mu.Lock()
		if len(i.items) < least || len(i.items) == 0 {
			i.mu.Unlock()
			return
		}
		n := min(len(i.items), i.batching.most)
		batch := slices.Clone(i.items[:n])
		i.items = slices.Delete(i.items, 0, n)
		i.mu.Unlock()
		i.write(batch)
	}
}

// flush returns when all that was added before is written.
func (i *intake[T]) flush(ctx context.Context) error {
	done := make(chan struct{})
	select {
	case i.flushes <- done:
	case <-i.ended:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
	select {
	case <-done:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// stop writes what is left; what is added from now on is ignored.
func (i *intake[T]) stop(ctx context.Context) error {
	i.once.Do(func() {
		i.mu.Lock()
		i.closed = true
		i.mu.Unlock()
		close(i.ending)
	})
	select {
	case <-i.ended:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}
