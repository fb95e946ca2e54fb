package otelmail

import (
	"context"
	"math"

	"go.opentelemetry.io/otel/metric"
)

// A value that is none spoils a sum for ever, and a counter that falls looks
// like a restart. What follows refuses such values of the application's own
// instruments, and counts them. The instruments of this package never make one.

// refuses reports whether a value is refused; signed says that it may be negative.
func (m *guardedMeter) refuses(v float64, signed bool) bool {
	switch {
	case math.IsNaN(v):
		m.self.refuse(refusedNaN)
	case math.IsInf(v, 0):
		m.self.refuse(refusedInfinite)
	case v < 0 && !signed:
		m.self.refuse(refusedNegative)
	default:
		return false
	}
	return true
}

type guardedIntCounter struct {
	metric.Int64Counter
	meter *guardedMeter
}

func (c guardedIntCounter) Add(ctx context.Context, n int64, opts ...metric.AddOption) {
	if n < 0 {
		c.meter.self.refuse(refusedNegative)
		return
	}
	c.Int64Counter.Add(ctx, n, opts...)
}

func (m *guardedMeter) Int64Counter(name string, opts ...metric.Int64CounterOption) (metric.Int64Counter, error) {
	c, err := m.Meter.Int64Counter(name, opts...)
	return guardedIntCounter{c, m}, err
}

type guardedCounter struct {
	metric.Float64Counter
	meter *guardedMeter
}

func (c guardedCounter) Add(ctx context.Context, v float64, opts ...metric.AddOption) {
	if !c.meter.refuses(v, false) {
		c.Float64Counter.Add(ctx, v, opts...)
	}
}

func (m *guardedMeter) Float64Counter(name string, opts ...metric.Float64CounterOption) (metric.Float64Counter, error) {
	c, err := m.Meter.Float64Counter(name, opts...)
	return guardedCounter{c, m}, err
}

type guardedUpDownCounter struct {
	metric.Float64UpDownCounter
	meter *guardedMeter
}

func (c guardedUpDownCounter) Add(ctx context.Context, v float64, opts ...metric.AddOption) {
	if !c.meter.refuses(v, true) {
		c.Float64UpDownCounter.Add(ctx, v, opts...)
	}
}

func (m *guardedMeter) Float64UpDownCounter(name string, opts ...metric.Float64UpDownCounterOption) (metric.Float64UpDownCounter, error) {
	c, err := m.Meter.Float64UpDownCounter(name, opts...)
	return guardedUpDownCounter{c, m}, err
}

type guardedHistogram struct {
	metric.Float64Histogram
	meter *guardedMeter
}

func (h guardedHistogram) Record(ctx context.Context, v float64, opts ...metric.RecordOption) {
	if !h.meter.refuses(v, true) {
		h.Float64Histogram.Record(ctx, v, opts...)
	}
}

func (m *guardedMeter) Float64Histogram(name string, opts ...metric.Float64HistogramOption) (metric.Float64Histogram, error) {
	h, err := m.Meter.Float64Histogram(name, opts...)
	return guardedHistogram{h, m}, err
}

type guardedGauge struct {
	metric.Float64Gauge
	meter *guardedMeter
}

func (g guardedGauge) Record(ctx context.Context, v float64, opts ...metric.RecordOption) {
	if !g.meter.refuses(v, true) {
		g.Float64Gauge.Record(ctx, v, opts...)
	}
}

func (m *guardedMeter) Float64Gauge(name string, opts ...metric.Float64GaugeOption) (metric.Float64Gauge, error) {
	g, err := m.Meter.Float64Gauge(name, opts...)
	return guardedGauge{g, m}, err
}

// guardedObserver is what a callback of a single instrument observes with.
type guardedObserver struct {
	metric.Float64Observer
	meter  *guardedMeter
	signed bool
}

func (o guardedObserver) Observe(v float64, opts ...metric.ObserveOption) {
	if !o.meter.refuses(v, o.signed) {
		o.Float64Observer.Observe(v, opts...)
	}
}

type guardedIntObserver struct {
	metric.Int64Observer
	meter *guardedMeter
}

func (o guardedIntObserver) Observe(n int64, opts ...metric.ObserveOption) {
	if n < 0 {
		o.meter.self.refuse(refusedNegative)
		return
	}
	o.Int64Observer.Observe(n, opts...)
}

// guardedObservers is what a callback of several instruments observes with.
type guardedObservers struct {
	metric.Observer
	meter *guardedMeter
}

func (o guardedObservers) ObserveFloat64(i metric.Float64Observable, v float64, opts ...metric.ObserveOption) {
	_, counter := i.(metric.Float64ObservableCounter)
	if !o.meter.refuses(v, !counter) {
		o.Observer.ObserveFloat64(i, v, opts...)
	}
}

func (o guardedObservers) ObserveInt64(i metric.Int64Observable, n int64, opts ...metric.ObserveOption) {
	if _, counter := i.(metric.Int64ObservableCounter); counter && n < 0 {
		o.meter.self.refuse(refusedNegative)
		return
	}
	o.Observer.ObserveInt64(i, n, opts...)
}
