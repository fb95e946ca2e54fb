package otelmail

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"
)

// source is anything whose present value an observable instrument reads.
type source interface{ load() int64 }

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
	before    []func()
	index     map[string]func(labels []string) (int64, bool)
	errs      []error

	reader    *Reader // nil where readers that are not ours have to be reached
	exemplars exemplarFilter
}

// series is one label set of an observable instrument.
type series struct {
	instrument metric.Int64Observable
	source     source
	options    []metric.ObserveOption
}

// labelledSeries has label values that are not known beforehand.
type labelledSeries struct {
	instrument metric.Int64Observable
	each       eachLabels
}

// eachLabels calls observe for every label set that there is now, once.
type eachLabels func(observe func(value int64, l *labels))

func newBinder(mp metric.MeterProvider, namespace string) *binder {
	s := scope()
	return &binder{
		meter:     mp.Meter(s.Name, metric.WithInstrumentationVersion(s.Version)),
		namespace: namespace,
		index:     map[string]func([]string) (int64, bool){},
	}
}

// counter binds an unlabelled counter.
func (b *binder) counter(m *Metric) *counter {
	c := newCounter()
	b.observe(m, b.observable(m), c, nil)
	return c
}

// counters binds a counter, or a gauge that is only added to, with one closed
// label: one counter a value, in the order of the label's values.
func (b *binder) counters(m *Metric) []*counter {
	all := make([]*counter, len(m.Labels[0].Values))
	for i := range all {
		all[i] = newCounter()
	}
	b.bindCounters(m, all)
	return all
}

// bindCounters is counters for counters that are there already.
func (b *binder) bindCounters(m *Metric, all []*counter) {
	instrument := b.observable(m)
	label := m.Labels[0]
	for i, value := range label.Values {
		b.observe(m, instrument, all[i], []string{value}, attribute.String(label.Key, value))
	}
}

// each binds a series whose label values come and go: to our Reader where it is
// the only one, for there may be thousands and the SDK looks each one's label set
// up in a map at every collection; else to the provider.
func (b *binder) each(m *Metric, each eachLabels, read func(label string) (int64, bool)) {
	if b.reader != nil {
		b.reader.add(m.FullName(b.namespace), finishedSums{m, each})
	} else {
		b.labelled = append(b.labelled, labelledSeries{b.observable(m), each})
	}
	b.index[m.Name] = func(labels []string) (int64, bool) {
		if len(labels) != 1 {
			return 0, false
		}
		return read(labels[0])
	}
}

// histogram binds a histogram: to our Reader where it is the only one, else to
// the provider as a synchronous instrument.
func (b *binder) histogram(m *Metric) *histogram {
	if b.reader != nil {
		h := newHistogram(m, b.exemplars)
		b.reader.add(m.FullName(b.namespace), h)
		return h
	}
	instrument, err := b.meter.Float64Histogram(m.FullName(b.namespace),
		metric.WithDescription(m.Help), metric.WithUnit(m.Unit),
		metric.WithExplicitBucketBoundaries(m.Buckets...))
	if err != nil {
		b.errs = append(b.errs, fmt.Errorf("create %s: %w", m.FullName(b.namespace), err))
		return newHistogram(m, exemplarsNever)
	}
	return &histogram{metric: m, instrument: instrument}
}

// beforeCollection has fn run at the start of every collection.
func (b *binder) beforeCollection(fn func()) { b.before = append(b.before, fn) }

func (b *binder) observable(m *Metric) metric.Int64Observable {
	name := m.FullName(b.namespace)
	var (
		instrument metric.Int64Observable
		err        error
	)
	if m.Kind == Counter {
		instrument, err = b.meter.Int64ObservableCounter(name, metric.WithDescription(m.Help), metric.WithUnit(m.Unit))
	} else {
		instrument, err = b.meter.Int64ObservableGauge(name, metric.WithDescription(m.Help), metric.WithUnit(m.Unit))
	}
	if err != nil {
		b.errs = append(b.errs, fmt.Errorf("create %s: %w", name, err))
	}
	return instrument
}

func (b *binder) observe(m *Metric, instrument metric.Int64Observable, s source, values []string, attrs ...attribute.KeyValue) {
	row := series{instrument: instrument, source: s}
	if len(attrs) > 0 {
		row.options = []metric.ObserveOption{metric.WithAttributeSet(attribute.NewSet(attrs...))}
	}
	b.series = append(b.series, row)
	previous := b.index[m.Name]
	b.index[m.Name] = func(labels []string) (int64, bool) {
		if strings.Join(labels, "\x00") == strings.Join(values, "\x00") {
			if r, ok := s.(refresher); ok {
				r.refresh()
			}
			return s.load(), true
		}
		if previous != nil {
			return previous(labels)
		}
		return 0, false
	}
}

// register hooks the one callback up with the provider.
func (b *binder) register() (metric.Registration, error) {
	if err := errors.Join(b.errs...); err != nil {
		return nil, err
	}
	instruments := make([]metric.Observable, 0, len(b.series)+len(b.labelled))
	for _, s := range b.series {
		instruments = append(instruments, s.instrument)
	}
	for _, l := range b.labelled {
		instruments = append(instruments, l.instrument)
	}
	return b.meter.RegisterCallback(b.collect, instruments...)
}

func (b *binder) collect(_ context.Context, o metric.Observer) error {
	for _, fn := range b.before {
		fn()
	}
	for i := range b.series {
		s := &b.series[i]
		o.ObserveInt64(s.instrument, s.source.load(), s.options...)
	}
	for i := range b.labelled {
		l := &b.labelled[i]
		l.each(func(value int64, labels *labels) {
			o.ObserveInt64(l.instrument, value, labels.options...)
		})
	}
	return nil
}
