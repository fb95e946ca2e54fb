package otelmail

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/rusmes/otelmail/catalog"
	"github.com/rusmes/otelmail/internal/contain"
	"github.com/rusmes/otelmail/internal/count"
)

// Gauge is a number that rises and falls. Report changes as they happen (Add), the whole
// (Set), or give a function to call at each collection (Observe). All methods are safe
// for concurrent use; those of nil and of the zero value do nothing.
type Gauge struct {
	base    atomic.Int64
	changes *count.Counter // sharded: sessions report changes, and nobody sets often
	name    string
	handle  func(error)
	read    atomic.Pointer[func(context.Context) (int64, error)]
	running sync.Mutex // held while the function runs: a hung one is not started again
	calls   contain.Calls
}

// observeTime bounds how long one collection waits for a function.
const observeTime = 250 * time.Millisecond

func (b *binder) gauge(m *catalog.Metric, handle func(error)) *Gauge {
	g := &Gauge{changes: count.NewCounter(), name: m.FullName(b.namespace), handle: handle}
	b.observe(m, b.observable(m), g, nil)
	b.beforeCollection(g.refresh)
	return g
}

func (g *Gauge) bound() bool { return g != nil && g.changes != nil }

// Add changes the value by n. What several parts of a server hold, such as two queues,
// adds up.
func (g *Gauge) Add(n int64) {
	if g.bound() {
		g.changes.Add(n)
	}
}

// Set sets the value.
func (g *Gauge) Set(n int64) {
	if g.bound() {
		g.base.Store(n - g.changes.Load())
	}
}

// Load returns the value as last known.
func (g *Gauge) Load() int64 {
	if !g.bound() {
		return 0
	}
	return g.base.Load() + g.changes.Load()
}

// Observe calls fn at each collection for the value, with 250 ms to answer: if it
// fails, panics or hangs, the last value is shown and the error handler told. It replaces the function of an
// earlier call; nil ends the observation.
func (g *Gauge) Observe(fn func(context.Context) (int64, error)) {
	switch {
	case !g.bound():
	case fn == nil:
		g.read.Store(nil)
	default:
		g.read.Store(&fn)
	}
}

// refresh asks the function for the present value and waits for it for a
// bounded time; a value that comes later shows in the next collection.
func (g *Gauge) refresh() {
	fn := g.read.Load()
	if fn == nil || !g.running.TryLock() {
		return
	}
	failed := func(err error) {
		g.handle(fmt.Errorf("observe %s: the last value is shown: %w", g.name, err))
	}
	err := g.calls.Within(observeTime, func() {
		defer g.running.Unlock()
		ctx, cancel := context.WithTimeout(context.Background(), observeTime)
		defer cancel()
		value, err := (*fn)(ctx)
		if err != nil {
			failed(err)
			return
		}
		g.Set(value)
	})
	if err != nil {
		failed(err)
	}
}
