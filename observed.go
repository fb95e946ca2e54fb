package otelmail

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/rusmes/otelmail/internal/count"
)

// observed is a gauge whose value may also be read by calling a function of the
// application's. The function may fail, panic or hang, and none of these may hold up
// a scrape or lose another series.
type observed struct {
	base    atomic.Int64
	changes *count.Counter // sharded: sessions report changes, and nobody sets often
	name    string
	handle  func(error)
	read    atomic.Pointer[func(context.Context) (int64, error)]
	running sync.Mutex // held while the function runs: a hung one is not started again
}

// observeTime bounds how long one collection waits for a function.
const observeTime = 250 * time.Millisecond

func (b *binder) observedGauge(m *Metric, handle func(error)) *observed {
	o := &observed{changes: count.NewCounter(), name: m.FullName(b.namespace), handle: handle}
	b.observe(m, b.observable(m), o, nil)
	b.beforeCollection(o.refresh)
	return o
}

func (o *observed) Add(n int64) { orEmpty(o).changes.Add(n) }

func (o *observed) set(n int64) {
	if o != nil {
		o.base.Store(n - o.changes.Load())
	}
}

func (o *observed) Load() int64 {
	if o == nil {
		return 0
	}
	return o.base.Load() + o.changes.Load()
}

func (o *observed) observe(fn func(context.Context) (int64, error)) {
	o = orEmpty(o)
	if fn == nil {
		o.read.Store(nil)
		return
	}
	o.read.Store(&fn)
}

// refresh asks the function for the present value and waits for it for a
// bounded time; a value that comes later shows in the next collection.
func (o *observed) refresh() {
	fn := o.read.Load()
	if fn == nil || !o.running.TryLock() {
		return
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		defer o.running.Unlock()
		ctx, cancel := context.WithTimeout(context.Background(), observeTime)
		defer cancel()
		value, err := call(ctx, *fn)
		if err != nil {
			o.handle(fmt.Errorf("observe %s: the last value is shown: %w", o.name, err))
			return
		}
		o.set(value)
	}()
	timer := time.NewTimer(observeTime)
	defer timer.Stop()
	select {
	case <-done:
	case <-timer.C:
	}
}

// call contains a panic. Its value is not printed: it may hold what a stranger sent.
func call(ctx context.Context, fn func(context.Context) (int64, error)) (value int64, err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("the function panicked with a %T", p)
		}
	}()
	return fn(ctx)
}
