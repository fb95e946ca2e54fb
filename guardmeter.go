package otelmail

import (
	"context"
	"fmt"

	"go.opentelemetry.io/otel/metric"
	"go.opentelemetry.io/otel/metric/embedded"
)

// guardMeters wraps a MeterProvider so that a callback of the application that
// panics or fails loses its own values and no others: the SDK would lose the
// whole collection, and in a push the process. Everything else passes through.
func guardMeters(mp metric.MeterProvider, handle func(error)) metric.MeterProvider {
	return &guardedProvider{inner: mp, handle: handle}
}

type guardedProvider struct {
	embedded.MeterProvider
	inner  metric.MeterProvider
	handle func(error)
}

func (p *guardedProvider) Meter(name string, opts ...metric.MeterOption) metric.Meter {
	return &guardedMeter{Meter: p.inner.Meter(name, opts...), scope: name, handle: p.handle}
}

// guardedMeter overrides what takes callbacks; synchronous instruments are the
// SDK's own.
type guardedMeter struct {
	metric.Meter
	scope  string
	handle func(error)
}

// contain runs a callback and keeps its panic or error to itself.
func (m *guardedMeter) contain(what string, run func() error) {
	defer func() {
		if v := recover(); v != nil {
			m.handle(fmt.Errorf("%s of meter %s panicked with a %T: its values are missing", what, m.scope, v))
		}
	}()
	if err := run(); err != nil {
		m.handle(fmt.Errorf("%s of meter %s: %w", what, m.scope, err))
	}
}

func (m *guardedMeter) RegisterCallback(f metric.Callback, instruments ...metric.Observable) (metric.Registration, error) {
	return m.Meter.RegisterCallback(func(ctx context.Context, o metric.Observer) error {
		m.contain("a callback", func() error { return f(ctx, o) })
		return nil
	}, instruments...)
}

func (m *guardedMeter) int64(callbacks []metric.Int64Callback) []metric.Int64Callback {
	guarded := make([]metric.Int64Callback, len(callbacks))
	for i, f := range callbacks {
		guarded[i] = func(ctx context.Context, o metric.Int64Observer) error {
			m.contain("a callback", func() error { return f(ctx, o) })
			return nil
		}
	}
	return guarded
}

func (m *guardedMeter) float64(callbacks []metric.Float64Callback) []metric.Float64Callback {
	guarded := make([]metric.Float64Callback, len(callbacks))
	for i, f := range callbacks {
		guarded[i] = func(ctx context.Context, o metric.Float64Observer) error {
			m.contain("a callback", func() error { return f(ctx, o) })
			return nil
		}
	}
	return guarded
}

func (m *guardedMeter) Int64ObservableCounter(name string, opts ...metric.Int64ObservableCounterOption) (metric.Int64ObservableCounter, error) {
	c := metric.NewInt64ObservableCounterConfig(opts...)
	guarded := []metric.Int64ObservableCounterOption{metric.WithDescription(c.Description()), metric.WithUnit(c.Unit())}
	for _, f := range m.int64(c.Callbacks()) {
		guarded = append(guarded, metric.WithInt64Callback(f))
	}
	return m.Meter.Int64ObservableCounter(name, guarded...)
}

func (m *guardedMeter) Int64ObservableUpDownCounter(name string, opts ...metric.Int64ObservableUpDownCounterOption) (metric.Int64ObservableUpDownCounter, error) {
	c := metric.NewInt64ObservableUpDownCounterConfig(opts...)
	guarded := []metric.Int64ObservableUpDownCounterOption{metric.WithDescription(c.Description()), metric.WithUnit(c.Unit())}
	for _, f := range m.int64(c.Callbacks()) {
		guarded = append(guarded, metric.WithInt64Callback(f))
	}
	return m.Meter.Int64ObservableUpDownCounter(name, guarded...)
}

func (m *guardedMeter) Int64ObservableGauge(name string, opts ...metric.Int64ObservableGaugeOption) (metric.Int64ObservableGauge, error) {
	c := metric.NewInt64ObservableGaugeConfig(opts...)
	guarded := []metric.Int64ObservableGaugeOption{metric.WithDescription(c.Description()), metric.WithUnit(c.Unit())}
	for _, f := range m.int64(c.Callbacks()) {
		guarded = append(guarded, metric.WithInt64Callback(f))
	}
	return m.Meter.Int64ObservableGauge(name, guarded...)
}

func (m *guardedMeter) Float64ObservableCounter(name string, opts ...metric.Float64ObservableCounterOption) (metric.Float64ObservableCounter, error) {
	c := metric.NewFloat64ObservableCounterConfig(opts...)
	guarded := []metric.Float64ObservableCounterOption{metric.WithDescription(c.Description()), metric.WithUnit(c.Unit())}
	for _, f := range m.float64(c.Callbacks()) {
		guarded = append(guarded, metric.WithFloat64Callback(f))
	}
	return m.Meter.Float64ObservableCounter(name, guarded...)
}

func (m *guardedMeter) Float64ObservableUpDownCounter(name string, opts ...metric.Float64ObservableUpDownCounterOption) (metric.Float64ObservableUpDownCounter, error) {
	c := metric.NewFloat64ObservableUpDownCounterConfig(opts...)
	guarded := []metric.Float64ObservableUpDownCounterOption{metric.WithDescription(c.Description()), metric.WithUnit(c.Unit())}
	for _, f := range m.float64(c.Callbacks()) {
		guarded = append(guarded, metric.WithFloat64Callback(f))
	}
	return m.Meter.Float64ObservableUpDownCounter(name, guarded...)
}

func (m *guardedMeter) Float64ObservableGauge(name string, opts ...metric.Float64ObservableGaugeOption) (metric.Float64ObservableGauge, error) {
	c := metric.NewFloat64ObservableGaugeConfig(opts...)
	guarded := []metric.Float64ObservableGaugeOption{metric.WithDescription(c.Description()), metric.WithUnit(c.Unit())}
	for _, f := range m.float64(c.Callbacks()) {
		guarded = append(guarded, metric.WithFloat64Callback(f))
	}
	return m.Meter.Float64ObservableGauge(name, guarded...)
}
