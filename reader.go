package otelmail

import (
	"context"
	"errors"
	"fmt"
	"time"

	"go.opentelemetry.io/otel/attribute"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
)

// Reader is the one place that all metrics are collected from: a scrape and a
// push both read it, so that an event is aggregated once however many sides it
// leaves by. Temporality is cumulative.
//
// It adds to [sdkmetric.ManualReader] what keeps one bad series from spoiling
// the rest: a panic in a callback fails that collection alone, a callback's
// error is reported and the other values still go out, attribute values become
// valid UTF-8 of bounded length, and the catalogue's histograms are there with
// count 0 before their first record.
//
// An application that builds its own MeterProvider registers one made by
// [NewReader] with it and hands it to exporters/prometheus.
type Reader struct {
	*sdkmetric.ManualReader

	handle func(error)
	empty  []emptyHistogram
	begin  time.Time
}

// emptyHistogram is a histogram of the catalogue as it is before any record.
type emptyHistogram struct {
	name, help, unit string
	bounds           []float64
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
	r := &Reader{handle: c.handle, begin: time.Now()}
	// The SDK's limit is one for all series of a kind, and 2,000 by default.
	// Ours are bounded at the door, so the limit only has to leave them room.
	limit := max(defaultCardinality, c.domainLimit+2*len(definitions))
	opts = append(opts, sdkmetric.WithCardinalityLimitSelector(
		func(kind sdkmetric.InstrumentKind) (int, bool) {
			return limit, kind != sdkmetric.InstrumentKindObservableCounter
		}))
	r.ManualReader = sdkmetric.NewManualReader(opts...)
	for _, d := range definitions {
		if d.Kind == Histogram {
			r.empty = append(r.empty, emptyHistogram{
				name: c.namespace + "_" + d.Name, help: d.Help, unit: d.Unit, bounds: d.Buckets,
			})
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
	r.addEmptyHistograms(rm)
	cleanMetrics(rm)
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

// addEmptyHistograms shows each histogram of the catalogue with count 0 until
// its first record: the SDK leaves an untouched one out, and the API has no way
// to touch it without recording.
func (r *Reader) addEmptyHistograms(rm *metricdata.ResourceMetrics) {
	for i := range rm.ScopeMetrics {
		sm := &rm.ScopeMetrics[i]
		if sm.Scope.Name != ScopeName {
			continue
		}
		for _, e := range r.empty {
			if !hasMetric(sm.Metrics, e.name) {
				sm.Metrics = append(sm.Metrics, e.metric(r.begin))
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

func (e emptyHistogram) metric(begin time.Time) metricdata.Metrics {
	return metricdata.Metrics{
		Name: e.name, Description: e.help, Unit: e.unit,
		Data: metricdata.Histogram[float64]{
			Temporality: metricdata.CumulativeTemporality,
			DataPoints: []metricdata.HistogramDataPoint[float64]{{
				Attributes:   *attribute.EmptySet(),
				StartTime:    begin,
				Time:         time.Now(),
				Bounds:       e.bounds,
				BucketCounts: make([]uint64, len(e.bounds)+1),
			}},
		},
	}
}
