package otelmail

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"

	"github.com/rusmes/otelmail/catalog"
	"github.com/rusmes/otelmail/internal/clean"
	"github.com/rusmes/otelmail/internal/contain"
)

// Reader is the one place that all metrics are collected from: a scrape and a
// push both read it, so that an event is aggregated once however many ways it
// leaves. Temporality is cumulative.
//
// It adds to [sdkmetric.ManualReader] what keeps one bad series from spoiling
// the rest: a panic in a callback fails that collection alone, a callback's
// error is reported and the other values still go out, attribute values, names,
// help and units become valid UTF-8 of bounded length, what a View dropped does
// not come out in exemplars, and the catalogue's histograms are there with count 0
// before their first record, for which OpenTelemetry has no call.
//
// An application that builds its own MeterProvider registers one made by [NewReader]
// with it, adds its [Reader.Views], and hands it to exporters/prometheus.
type Reader struct {
	*sdkmetric.ManualReader

	handle     func(error)
	namespace  string
	form       histogramForm
	histograms map[string]*emptyHistogram // of the catalogue, by full name
	totals     bool                       // of histograms, not differences
	off        bool                       // nothing is recorded: OTEL_SDK_DISABLED=true
}

// NewReader returns a Reader. Give it and [New] the same options: by default the
// namespace is "rusmes", and 200 domains are shown.
func NewReader(opts ...ReaderOption) (*Reader, error) {
	c, err := apply(opts, ReaderOption.applyToReader)
	if err != nil {
		return nil, fmt.Errorf("otelmail: new reader: %w", err)
	}
	c.reports.logTo(stderrLogger())
	return newCommonReader(c), nil
}

// newCommonReader makes the Reader that a page shows and most pushes send.
func newCommonReader(c *config) *Reader {
	return newReader(c, sdkmetric.CumulativeTemporalitySelector, c.exponential)
}

func newReader(c *config, temporality sdkmetric.TemporalitySelector, exponential bool) *Reader {
	// The SDK has one limit for all instruments of a kind, 2,000 by default. The
	// number of our series is bounded where they are counted, so this limit only has
	// to be large enough for them.
	limit := max(defaultCardinality, c.domainLimit+len(c.pinned)+maxLocalDomains+2*len(definitions))
	r := &Reader{
		ManualReader: sdkmetric.NewManualReader(
			sdkmetric.WithTemporalitySelector(temporality),
			sdkmetric.WithAggregationSelector(func(kind sdkmetric.InstrumentKind) sdkmetric.Aggregation {
				if exponential && kind == sdkmetric.InstrumentKindHistogram {
					return exponentialAggregation
				}
				return sdkmetric.DefaultAggregationSelector(kind)
			}),
			sdkmetric.WithCardinalityLimitSelector(func(kind sdkmetric.InstrumentKind) (int, bool) {
				return limit, kind != sdkmetric.InstrumentKindObservableCounter
			})),
		handle:     c.handle,
		namespace:  c.namespace,
		form:       c.histograms(),
		histograms: map[string]*emptyHistogram{},
		totals:     temporality(sdkmetric.InstrumentKindHistogram) == metricdata.CumulativeTemporality,
	}
	for _, d := range definitions {
		if d.Kind == catalog.Histogram && d.Preset() {
			r.histograms[d.FullName(c.namespace)] = newEmptyHistogram(d, exponential)
		}
	}
	return r
}

// defaultCardinality is the SDK's own limit of attribute sets for one instrument.
const defaultCardinality = 2000

// Namespace is the prefix of the catalogue's names, see [WithNamespace].
func (r *Reader) Namespace() string { return r.namespace }

// HandleError reports what went wrong in the background, see [WithErrorHandler].
func (r *Reader) HandleError(err error) { r.handle(err) }

// Collect fills rm with all metrics. An error means that rm holds nothing of
// use: the reader is not registered with a provider or is shut down, ctx is
// done, or a callback panicked or ended its goroutine. Errors of single callbacks go to the error
// handler and do not fail the collection.
func (r *Reader) Collect(ctx context.Context, rm *metricdata.ResourceMetrics) (err error) {
	if err := ctx.Err(); err != nil {
		return fmt.Errorf("collect metrics: %w", err)
	}
	if r.off {
		rm.ScopeMetrics = rm.ScopeMetrics[:0]
		return nil
	}
	// Of an application's own provider: in that of Start, callbacks are guarded one by one.
	if wrong := contain.Apart(func() { err = r.ManualReader.Collect(ctx, rm) }); wrong != nil {
		return fmt.Errorf("collect metrics: a callback failed: %w", wrong)
	}
	switch {
	case err == nil:
	case errors.Is(err, sdkmetric.ErrReaderNotRegistered), errors.Is(err, sdkmetric.ErrReaderShutdown):
		return fmt.Errorf("collect metrics: %w", err)
	default:
		r.handle(fmt.Errorf("collect metrics: a callback failed, the other series go out: %w", err))
	}
	r.addEmptyHistograms(rm)
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

// addEmptyHistograms appends the catalogue's histograms in which nothing was
// recorded yet, where the catalogue is bound to the reader's provider.
func (r *Reader) addEmptyHistograms(rm *metricdata.ResourceMetrics) {
	if !r.totals {
		return
	}
	for i := range rm.ScopeMetrics {
		sm := &rm.ScopeMetrics[i]
		if sm.Scope.Name != ScopeName {
			continue
		}
		for name, empty := range r.histograms {
			recorded := func(m metricdata.Metrics) bool { return m.Name == name }
			if !slices.ContainsFunc(sm.Metrics, recorded) {
				sm.Metrics = append(sm.Metrics, empty.collect(name))
			}
		}
	}
}

// emptyHistogram is a histogram of the catalogue before its first record.
type emptyHistogram struct {
	metric      *catalog.Metric
	exponential bool
	begin       time.Time
}

func newEmptyHistogram(m *catalog.Metric, exponential bool) *emptyHistogram {
	return &emptyHistogram{m, exponential, time.Now()}
}

func (e *emptyHistogram) collect(name string) metricdata.Metrics {
	out := metricdata.Metrics{Name: name, Description: e.metric.Help, Unit: e.metric.Unit}
	now := time.Now()
	if e.exponential {
		out.Data = metricdata.ExponentialHistogram[float64]{
			Temporality: metricdata.CumulativeTemporality,
			DataPoints: []metricdata.ExponentialHistogramDataPoint[float64]{{
				StartTime: e.begin, Time: now, Scale: exponentialAggregation.MaxScale}},
		}
		return out
	}
	out.Data = metricdata.Histogram[float64]{
		Temporality: metricdata.CumulativeTemporality,
		DataPoints: []metricdata.HistogramDataPoint[float64]{{
			StartTime: e.begin, Time: now, Bounds: e.metric.Buckets, BucketCounts: make([]uint64, len(e.metric.Buckets)+1)}},
	}
	return out
}
