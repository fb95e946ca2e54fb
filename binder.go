package otelmail

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"
	metricnoop "go.opentelemetry.io/otel/metric/noop"

	"github.com/rusmes/otelmail/catalog"
	"github.com/rusmes/otelmail/internal/count"
)

// source is anything whose present value an observable instrument reads.
type source interface{ Load() int64 }

// refresher is a source that has to ask the application first.
type refresher interface{ refresh() }

// binder creates the instruments of a Telemetry from the catalogue and reads
// all counters and gauges in one callback: an event is an atomic add, and the
// OpenTelemetry SDK's work is done once a collection instead of once an event.
type binder struct {
	meter     metric.Meter
	namespace string
	series    []series
	labelled  []labelledSeries
	fractions []fraction
	before    []func()
	sources   []func(observe func(float64, labelSet)) // the ages of observed gauges
	index     map[string]func(labels []string) (int64, bool)
	errs      []error
}

// series is one label set of an observable instrument.
type series struct {
	instrument metric.Int64Observable
	source     source
	labels     labelSet
}

// labelledSeries has label values that are not known beforehand.
type labelledSeries struct {
	instrument metric.Int64Observable
	each       eachLabelSet
}

// fraction is a gauge that whole numbers cannot hold: a ratio or a time in seconds.
type fraction struct {
	instrument metric.Float64Observable
	each       func(observe func(value float64, labels labelSet))
}

// eachLabelSet calls observe once for every label set that there is now.
type eachLabelSet func(observe func(value int64, labels labelSet))

// labelSet is a series' labels as the SDK takes them. It is made once for a series
// and not at every collection.
type labelSet []metric.ObserveOption

func newLabelSet(attrs ...attribute.KeyValue) labelSet {
	return labelSet{metric.WithAttributeSet(attribute.NewSet(attrs...))}
}

func newBinder(mp metric.MeterProvider, namespace string) *binder {
	s := scope()
	return &binder{
		meter:     mp.Meter(s.Name, metric.WithInstrumentationVersion(s.Version), metric.WithSchemaURL(s.SchemaURL)),
		namespace: namespace,
		index:     map[string]func([]string) (int64, bool){},
	}
}

// counter binds an unlabelled counter.
func (b *binder) counter(m *catalog.Metric) *count.Counter {
	c := count.NewCounter()
	b.observe(m, b.observable(m), c, nil)
	return c
}

// counters binds a counter, or a gauge that is only added to, with one closed
// label: one counter a value, in the order of the label's values.
func (b *binder) counters(m *catalog.Metric) []*count.Counter {
	all := make([]*count.Counter, len(m.Labels[0].Values))
	for i := range all {
		all[i] = count.NewCounter()
	}
	b.bindCounters(m, all)
	return all
}

// bindCounters binds existing counters, one for each value of the label.
func (b *binder) bindCounters(m *catalog.Metric, all []*count.Counter) {
	instrument := b.observable(m)
	label := m.Labels[0]
	for i, value := range label.Values {
		b.observe(m, instrument, all[i], []string{value}, attribute.String(label.Key, value))
	}
}

// each binds a series whose label sets come and go. read finds the value of one, by the
// values of its labels.
func (b *binder) each(m *catalog.Metric, each eachLabelSet, read func(labels []string) (int64, bool)) {
	b.labelled = append(b.labelled, labelledSeries{b.observable(m), each})
	b.index[m.Name] = read
}

// one makes the reader of a series with one label from that of its value.
func one(read func(label string) (int64, bool)) func([]string) (int64, bool) {
	return func(labels []string) (int64, bool) {
		if len(labels) != 1 {
			return 0, false
		}
		return read(labels[0])
	}
}

// fraction binds a gauge that whole numbers cannot hold.
func (b *binder) fraction(m *catalog.Metric, each func(observe func(value float64, labels labelSet))) {
	instrument, err := b.meter.Float64ObservableGauge(m.FullName(b.namespace), metric.WithDescription(m.Help), metric.WithUnit(m.Unit))
	if err != nil {
		b.errs = append(b.errs, fmt.Errorf("create %s: %w", m.FullName(b.namespace), err))
		return
	}
	b.fractions = append(b.fractions, fraction{instrument, each})
}

// histogram binds a histogram. The bounds are the View's; they are given to the
// instrument too for providers without our Views, and for a reader that chooses the
// aggregation itself, see histogramForm.
func (b *binder) histogram(m *catalog.Metric) histogram {
	instrument, err := b.meter.Float64Histogram(m.FullName(b.namespace),
		metric.WithDescription(m.Help), metric.WithUnit(m.Unit),
		metric.WithExplicitBucketBoundaries(m.Buckets...))
	if err != nil {
		b.errs = append(b.errs, fmt.Errorf("create %s: %w", m.FullName(b.namespace), err))
		instrument = metricnoop.Float64Histogram{}
	}
	return histogram{instrument}
}

// histogram records durations in seconds. The SDK does the recording, which gets
// cheaper once instruments can be bound to their attributes (opentelemetry-go
// issue 8759): then bind here.
type histogram struct{ metric.Float64Histogram }

// The buckets of durations, in seconds.
var (
	durationBuckets = []float64{0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1, 5, 10, 30, 60, 120} // of work
	dnsBuckets      = []float64{0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10}
)

// record records a duration; a sampled span in ctx becomes the exemplar.
func (h histogram) record(ctx context.Context, d time.Duration, labels ...metric.RecordOption) {
	if h.Float64Histogram != nil {
		h.Record(ctx, max(d, 0).Seconds(), labels...) // what a caller has measured must not make a sum fall
	}
}

// beforeCollection calls fn at the start of every collection.
func (b *binder) beforeCollection(fn func()) { b.before = append(b.before, fn) }

func (b *binder) observable(m *catalog.Metric) metric.Int64Observable {
	name := m.FullName(b.namespace)
	var (
		instrument metric.Int64Observable
		err        error
	)
	if m.Kind == catalog.Counter {
		instrument, err = b.meter.Int64ObservableCounter(name, metric.WithDescription(m.Help), metric.WithUnit(m.Unit))
	} else {
		instrument, err = b.meter.Int64ObservableGauge(name, metric.WithDescription(m.Help), metric.WithUnit(m.Unit))
	}
	if err != nil {
		b.errs = append(b.errs, fmt.Errorf("create %s: %w", name, err))
	}
	return instrument
}

func (b *binder) observe(m *catalog.Metric, instrument metric.Int64Observable, s source, values []string, attrs ...attribute.KeyValue) {
	row := series{instrument: instrument, source: s}
	if len(attrs) > 0 {
		row.labels = newLabelSet(attrs...)
	}
	b.series = append(b.series, row)
	previous := b.index[m.Name]
	b.index[m.Name] = func(labels []string) (int64, bool) {
		if strings.Join(labels, "\x00") == strings.Join(values, "\x00") {
			if r, ok := s.(refresher); ok {
				r.refresh()
			}
			return s.Load(), true
		}
		if previous != nil {
			return previous(labels)
		}
		return 0, false
	}
}

// register registers the one callback with the provider.
func (b *binder) register() (metric.Registration, error) {
	if err := errors.Join(b.errs...); err != nil {
		return nil, err
	}
	instruments := make([]metric.Observable, 0, len(b.series)+len(b.labelled)+len(b.fractions))
	for _, s := range b.series {
		instruments = append(instruments, s.instrument)
	}
	for _, l := range b.labelled {
		instruments = append(instruments, l.instrument)
	}
	for _, f := range b.fractions {
		instruments = append(instruments, f.instrument)
	}
	return b.meter.RegisterCallback(b.collect, instruments...)
}

func (b *binder) collect(_ context.Context, o metric.Observer) error {
	for _, fn := range b.before {
		fn()
	}
	for i := range b.series {
		s := &b.series[i]
		o.ObserveInt64(s.instrument, s.source.Load(), s.labels...)
	}
	for i := range b.labelled {
		l := &b.labelled[i]
		l.each(func(value int64, labels labelSet) {
			o.ObserveInt64(l.instrument, value, labels...)
		})
	}
	for i := range b.fractions {
		f := &b.fractions[i]
		f.each(func(value float64, labels labelSet) {
			o.ObserveFloat64(f.instrument, value, labels...)
		})
	}
	return nil
}
