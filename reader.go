package otelmail

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"

	"github.com/rusmes/otelmail/internal/clean"
)

// Reader is the one place that all metrics are collected from: a scrape and a
// push both read it, so that an event is aggregated once however many sides it
// leaves by. Temporality is cumulative.
//
// It adds to [sdkmetric.ManualReader] what keeps one bad series from spoiling
// the rest: a panic in a callback fails that collection alone, a callback's
// error is reported and the other values still go out, attribute values, names,
// help and units become valid UTF-8 of bounded length, what a View dropped does
// not come out in exemplars, and the catalogue's histograms are there with count 0
// before their first record.
//
// An application that builds its own MeterProvider registers one made by
// [NewReader] with it and hands it to exporters/prometheus.
type Reader struct {
	*sdkmetric.ManualReader

	handle func(error)
	begin  time.Time

	mu       sync.Mutex
	finished map[string]finished
}

// finished is a series that the Reader gets ready made, past the SDK.
type finished interface {
	collect(name string, begin time.Time) metricdata.Metrics
}

// NewReader returns a Reader. Of the options it heeds [WithNamespace] (default
// "rusmes"), [WithDomainLimit] and [WithErrorHandler].
func NewReader(opts ...Option) (*Reader, error) {
	c, err := newConfig(opts)
	if err != nil {
		return nil, fmt.Errorf("otelmail: new reader: %w", err)
	}
	return newReader(c), nil
}

// newReader makes a Reader; opts change the temporality or the aggregation.
func newReader(c *config, opts ...sdkmetric.ManualReaderOption) *Reader {
	r := &Reader{handle: c.handle, begin: time.Now(), finished: map[string]finished{}}
	// The SDK's limit is one for all series of a kind, and 2,000 by default.
	// Ours are bounded at the door, so the limit only has to leave them room.
	limit := max(defaultCardinality, c.domainLimit+len(c.pinned)+2*len(definitions))
	opts = append(opts, sdkmetric.WithCardinalityLimitSelector(
		func(kind sdkmetric.InstrumentKind) (int, bool) {
			return limit, kind != sdkmetric.InstrumentKindObservableCounter
		}))
	r.ManualReader = sdkmetric.NewManualReader(opts...)
	for _, d := range definitions {
		if d.Kind == Histogram {
			r.finished[d.FullName(c.namespace)] = newHistogram(d, exemplarsNever)
		}
	}
	return r
}

// defaultCardinality is the SDK's own limit of attribute sets for one instrument.
const defaultCardinality = 2000

// Collect fills rm with all metrics. An error means that rm holds nothing of
// use: the reader is not registered with a provider, is shut down, or ctx is
// done, or a callback panicked. Errors of single callbacks go to the error
// handler and do not fail the collection.
func (r *Reader) Collect(ctx context.Context, rm *metricdata.ResourceMetrics) (err error) {
	defer func() {
		if p := recover(); p != nil {
			// The value is not printed: it may hold what a stranger sent.
			err = fmt.Errorf("collect metrics: a callback panicked with a %T", p)
		}
	}()
	if err := ctx.Err(); err != nil {
		return fmt.Errorf("collect metrics: %w", err)
	}
	err = r.ManualReader.Collect(ctx, rm)
	switch {
	case err == nil:
	case errors.Is(err, sdkmetric.ErrReaderNotRegistered), errors.Is(err, sdkmetric.ErrReaderShutdown):
		return fmt.Errorf("collect metrics: %w", err)
	default:
		r.handle(fmt.Errorf("collect metrics: a callback failed, the other series go out: %w", err))
	}
	r.addFinished(rm)
	clean.Metrics(rm)
	return nil
}

// Produce implements [sdkmetric.Producer], for bridges that take one.
func (r *Reader) Produce(ctx context.Context) ([]metricdata.ScopeMetrics, error) {
	var rm metricdata.ResourceMetrics
	if err := r.Collect(ctx, &rm); err != nil {
		return nil, err
	}
	return rm.ScopeMetrics, nil
}

// add has the Reader show a series that is not the SDK's.
func (r *Reader) add(name string, f finished) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.finished[name] = f
}

// addFinished appends the series that the SDK has not collected: those that never
// reach it, and the histograms bound to the provider and not yet recorded, which
// the SDK leaves out and no call could create without recording.
func (r *Reader) addFinished(rm *metricdata.ResourceMetrics) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for i := range rm.ScopeMetrics {
		sm := &rm.ScopeMetrics[i]
		if sm.Scope.Name != ScopeName {
			continue
		}
		for name, f := range r.finished {
			if hasMetric(sm.Metrics, name) {
				continue
			}
			if m := f.collect(name, r.begin); m.Data != nil {
				sm.Metrics = append(sm.Metrics, m)
			}
		}
	}
}

func hasMetric(metrics []metricdata.Metrics, name string) bool {
	for i := range metrics {
		if metrics[i].Name == name {
			return true
		}
	}
	return false
}
