package guard

import (
	"context"

	"go.opentelemetry.io/otel/metric"
)

type intCounter struct {
	metric.Int64Counter
	meter *meter
}

func (c intCounter) Add(ctx context.Context, n int64, opts ...metric.AddOption) {
	if !c.meter.refuses(float64(n), false) {
		c.Int64Counter.Add(ctx, n, opts...)
	}
}

func (m *meter) Int64Counter(name string, opts ...metric.Int64CounterOption) (metric.Int64Counter, error) {
	c, err := m.Meter.Int64Counter(name, opts...)
	return intCounter{c, m}, err
}

type counter struct {
	metric.Float64Counter
	meter *meter
}

func (c counter) Add(ctx context.Context, v float64, opts ...metric.AddOption) {
	if !c.meter.refuses(v, false) {
		c.Float64Counter.Add(ctx, v, opts...)
	}
}

func (m *meter) Float64Counter(name string, opts ...metric.Float64CounterOption) (metric.Float64Counter, error) {
	c, err := m.Meter.Float64Counter(name, opts...)
	return counter{c, m}, err
}

type upDownCounter struct {
	metric.Float64UpDownCounter
	meter *meter
}

func (c upDownCounter) Add(ctx context.Context, v float64, opts ...metric.AddOption) {
	if !c.meter.refuses(v, true) {
		c.Float64UpDownCounter.Add(ctx, v, opts...)
	}
}

func (m *meter) Float64UpDownCounter(name string, opts ...metric.Float64UpDownCounterOption) (metric.Float64UpDownCounter, error) {
	c, err := m.Meter.Float64UpDownCounter(name, opts...)
	return upDownCounter{c, m}, err
}

type histogram struct {
	metric.Float64Histogram
	meter *meter
}

func (h histogram) Record(ctx context.Context, v float64, opts ...metric.RecordOption) {
	if !h.meter.refuses(v, true) {
		h.Float64Histogram.Record(ctx, v, opts...)
	}
}

func (m *meter) Float64Histogram(name string, opts ...metric.Float64HistogramOption) (metric.Float64Histogram, error) {
	h, err := m.Meter.Float64Histogram(name, opts...)
	return histogram{h, m}, err
}

type gauge struct {
	metric.Float64Gauge
	meter *meter
}

func (g gauge) Record(ctx context.Context, v float64, opts ...metric.RecordOption) {
	if !g.meter.refuses(v, true) {
		g.Float64Gauge.Record(ctx, v, opts...)
	}
}

func (m *meter) Float64Gauge(name string, opts ...metric.Float64GaugeOption) (metric.Float64Gauge, error) {
	g, err := m.Meter.Float64Gauge(name, opts...)
	return gauge{g, m}, err
}
