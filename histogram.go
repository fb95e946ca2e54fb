package otelmail

import (
	"math"
	"sync"
	"sync/atomic"
	"time"
	"unsafe"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	"go.opentelemetry.io/otel/trace"
)

// histogram records durations in one of two ways.
//
// Bound to a provider of the application's it is a synchronous OpenTelemetry
// instrument, the only way to reach readers that are not ours. Behind our own
// Reader it keeps its buckets itself and hands the Reader finished points: the
// SDK's record costs ten times as much as client_golang's, most of it for what
// a series without attributes does not need.
type histogram struct {
	metric     *Metric
	instrument metric.Float64Histogram // nil when the histogram keeps its own buckets

	bounds    []int64 // upper bounds in nanoseconds
	buckets   []buckets
	mask      uintptr
	exemplars []latestExemplar // the latest of each bucket
	filter    exemplarFilter
}

// buckets are the counts of one shard and, as the last, the sum in nanoseconds.
type buckets [maxBuckets + 1]atomic.Int64

// maxBuckets makes a shard two cache lines long.
const maxBuckets = 15

// latestExemplar is one traced measurement. Whoever finds it locked passes it by: one
// exemplar is as good as another, and recording must not wait.
type latestExemplar struct {
	mu    sync.Mutex
	nanos int64
	time  time.Time
	trace trace.TraceID
	span  trace.SpanID
}

// exemplarFilter is OTEL_METRICS_EXEMPLAR_FILTER.
type exemplarFilter uint8

const (
	exemplarsTraced exemplarFilter = iota // of sampled spans
	exemplarsAlways
	exemplarsNever
)

func newHistogram(m *Metric, filter exemplarFilter) *histogram {
	h := &histogram{metric: m, filter: filter, bounds: make([]int64, len(m.Buckets)),
		buckets: make([]buckets, shards()), exemplars: make([]latestExemplar, len(m.Buckets)+1)}
	for i, seconds := range m.Buckets {
		h.bounds[i] = int64(math.Round(seconds * float64(time.Second)))
	}
	h.mask = uintptr(len(h.buckets) - 1)
	return h
}

// record takes the work that took so long: its trace, where it is sampled, becomes
// the exemplar.
func (h *histogram) record(op *Op, d time.Duration) {
	d = max(d, 0) // a clock that was set back must not make a sum fall
	if h.instrument != nil {
		h.instrument.Record(op.Context(), d.Seconds())
		return
	}
	nanos := int64(d)
	bucket := len(h.bounds)
	for i, bound := range h.bounds {
		if nanos <= bound {
			bucket = i
			break
		}
	}
	s := &h.buckets[shard(unsafe.Pointer(h))&h.mask]
	s[bucket].Add(1)
	s[maxBuckets].Add(nanos)
	if op.sampled && h.filter != exemplarsNever || h.filter == exemplarsAlways {
		h.exemplars[bucket].offer(trace.SpanContextFromContext(op.Context()), nanos)
	}
}

func (e *latestExemplar) offer(sc trace.SpanContext, nanos int64) {
	if !e.mu.TryLock() {
		return
	}
	e.nanos, e.time, e.trace, e.span = nanos, time.Now(), sc.TraceID(), sc.SpanID()
	e.mu.Unlock()
}

// collect returns the histogram as it is now. The count is the sum of the
// buckets, so that a page never shows a histogram that contradicts itself.
func (h *histogram) collect(name string, begin time.Time) metricdata.Metrics {
	point := metricdata.HistogramDataPoint[float64]{
		Attributes:   *attribute.EmptySet(),
		StartTime:    begin,
		Time:         time.Now(),
		Bounds:       h.metric.Buckets,
		BucketCounts: make([]uint64, len(h.bounds)+1),
	}
	var nanos int64
	for i := range h.buckets {
		for j := range point.BucketCounts {
			n := uint64(h.buckets[i][j].Load())
			point.BucketCounts[j] += n
			point.Count += n
		}
		nanos += h.buckets[i][maxBuckets].Load()
	}
	point.Sum = time.Duration(nanos).Seconds()
	for i := range h.exemplars {
		if e, ok := h.exemplars[i].collect(); ok {
			point.Exemplars = append(point.Exemplars, e)
		}
	}
	return metricdata.Metrics{
		Name: name, Description: h.metric.Help, Unit: h.metric.Unit,
		Data: metricdata.Histogram[float64]{
			Temporality: metricdata.CumulativeTemporality,
			DataPoints:  []metricdata.HistogramDataPoint[float64]{point},
		},
	}
}

func (e *latestExemplar) collect() (metricdata.Exemplar[float64], bool) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.time.IsZero() {
		return metricdata.Exemplar[float64]{}, false
	}
	out := metricdata.Exemplar[float64]{Time: e.time, Value: time.Duration(e.nanos).Seconds()}
	if e.trace.IsValid() {
		trace, span := e.trace, e.span
		out.TraceID, out.SpanID = trace[:], span[:]
	}
	return out, true
}
