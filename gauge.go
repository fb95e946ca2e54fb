package otelmail

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"go.opentelemetry.io/otel/attribute"

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
	// answered is when the function gave its last answer or, before its first, was set: an
	// instant.
	answered atomic.Int64
}

// observeTime bounds how long one collection waits for a function.
const observeTime = 250 * time.Millisecond

func (b *binder) gauge(m *catalog.Metric, handle func(error)) *Gauge {
	g := b.unboundGauge(m, handle)
	b.observe(m, b.observable(m), g, nil)
	b.beforeCollection(g.refresh)
	return g
}

// unboundGauge is a gauge that its owner binds and refreshes.
func (b *binder) unboundGauge(m *catalog.Metric, handle func(error)) *Gauge {
	g := &Gauge{changes: count.NewCounter(), name: m.FullName(b.namespace), handle: handle}
	label := newLabelSet(attribute.String(sourceAge.Labels[0].Key, m.Name))
	b.sources = append(b.sources, func(observe func(float64, labelSet)) {
		if g.read.Load() != nil {
			observe(instant(g.answered.Load()).elapsed().Seconds(), label)
		}
	})
	return g
}

var sourceAge = define(catalog.Metric{
	Name: "telemetry_source_age_seconds", Kind: catalog.Gauge, Unit: "s", Fleet: catalog.Max,
	Help:   "How old what is shown of a gauge is, where a function of the server's tells it or it is asked in the background, and how long ago the file of local domains could last be used; of several for one series, the longest",
	Rise:   "What is shown is old: the function fails, hangs, or takes longer than the 250 ms that a collection waits; a disk or a file system hangs, a certificate's file is gone, no block list answers, a line of the file of local domains is wrong. The error passed to the error handler says what failed. Certificates, disks and that file are looked at every minute, block lists at the interval that they were given.",
	Labels: []catalog.Label{{Key: "source", Help: "The series that the source tells, without its namespace; " + queueSize.Name + " stands for all states of the queue"}},
})

// bindSources binds the ages of all sources that were made.
func (b *binder) bindSources() {
	b.fraction(sourceAge, func(observe func(float64, labelSet)) {
		for _, each := range b.sources {
			each(observe)
		}
	})
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
// fails, panics or hangs, the last value is shown, the error handler told, and
// telemetry_source_age_seconds tells how old the value is. It replaces the function of an
// earlier call; nil ends the observation.
func (g *Gauge) Observe(fn func(context.Context) (int64, error)) {
	if fn == nil {
		g.observe(nil)
		return
	}
	g.observe(&fn)
}

func (g *Gauge) observe(fn *func(context.Context) (int64, error)) {
	if g.bound() {
		g.answered.Store(int64(now()))
		g.read.Store(fn)
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
		g.answered.Store(int64(now()))
	})
	if err != nil {
		failed(err)
	}
}
