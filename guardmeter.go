package otelmail

import (
	"context"
	"fmt"

	"go.opentelemetry.io/otel/metric"
	"go.opentelemetry.io/otel/metric/embedded"
)

// guardMeters wraps a MeterProvider so that a callback of the application that
// panics or fails loses its own values and no others: the SDK would lose the
// whole collection, and in a push the process. Values that are none are refused,
// see guardvalues.go. Everything else passes through.
func guardMeters(mp metric.MeterProvider, handle func(error), counts *self) metric.MeterProvider {
	return &guardedProvider{inner: mp, handle: handle, self: counts}
}

type guardedProvider struct {
	embedded.MeterProvider
	inner  metric.MeterProvider
	handle func(error)
	self   *self
}

func (p *guardedProvider) Meter(name string, opts ...metric.MeterOption) metric.Meter {
	name, opts = cleanMeter(name, opts)
	return &guardedMeter{Meter: p.inner.Meter(name, opts...), scope: name, handle: p.handle, self: p.self}
}

// guardedMeter overrides what takes callbacks, and what takes values that can be
// wrong.
type guardedMeter struct {
	metric.Meter
	scope  string
	handle func(error)
	self   *self
}

// contain runs a callback and keeps its panic or error to itself.
func (m *guardedMeter) contain(what string, run func() error) {
	defer func() {
		if v := recover(); v != nil {
			m.self.refuse(refusedCallbackPanic)
			m.handle(fmt.Errorf("%s of meter %s panicked with a %T: its values are missing", what, m.scope, v))
		}
	}()
	if err := run(); err != nil {
		m.self.refuse(refusedCallbackError)
		m.handle(fmt.Errorf("%s of meter %s: %w", what, m.scope, err))
	}
}

func (m *guardedMeter) RegisterCallback(f metric.Callback, instruments ...metric.Observable) (metric.Registration, error) {
	return m.Meter.RegisterCallback(func(ctx context.Context, o metric.Observer) error {
		m.contain("a callback", func() error { return f(ctx, guardedObservers{o, m}) })
		return nil
	}, instruments...)
}

func (m *guardedMeter) int64(callbacks []metric.Int64Callback, signed bool) []metric.Int64Callback {
	guarded := make([]metric.Int64Callback, len(callbacks))
	for i, f := range callbacks {
		guarded[i] = func(ctx context.Context, o metric.Int64Observer) error {
			if !signed {
				o = guardedIntObserver{o, m}
			}
			m.contain("a callback", func() error { return f(ctx, o) })
			return nil
		}
	}
	return guarded
}

func (m *guardedMeter) float64(callbacks []metric.Float64Callback, signed bool) []metric.Float64Callback {
	guarded := make([]metric.Float64Callback, len(callbacks))
	for i, f := range callbacks {
		guarded[i] = func(ctx context.Context, o metric.Float64Observer) error {
			m.contain("a callback", func() error { return f(ctx, guardedObserver{o, m, signed}) })
			return nil
		}
	}
	return guarded
}

func (m *guardedMeter) Int64ObservableCounter(name string, opts ...metric.Int64ObservableCounterOption) (metric.Int64ObservableCounter, error) {
	c := metric.NewInt64ObservableCounterConfig(opts...)
	guarded := []metric.Int64ObservableCounterOption{metric.WithDescription(c.Description()), metric.WithUnit(c.Unit())}
	for _, f := range m.int64(c.Callbacks(), false) {
		guarded = append(guarded, metric.WithInt64Callback(f))
	}
	return m.Meter.Int64ObservableCounter(name, guarded...)
}

func (m *guardedMeter) Int64ObservableUpDownCounter(name string, opts ...metric.Int64ObservableUpDownCounterOption) (metric.Int64ObservableUpDownCounter, error) {
	c := metric.NewInt64ObservableUpDownCounterConfig(opts...)
	guarded := []metric.Int64ObservableUpDownCounterOption{metric.WithDescription(c.Description()), metric.WithUnit(c.Unit())}
	for _, f := range m.int64(c.Callbacks(), true) {
		guarded = append(guarded, metric.WithInt64Callback(f))
	}
	return m.Meter.Int64ObservableUpDownCounter(name, guarded...)
}

func (m *guardedMeter) Int64ObservableGauge(name string, opts ...metric.Int64ObservableGaugeOption) (metric.Int64ObservableGauge, error) {
	c := metric.NewInt64ObservableGaugeConfig(opts...)
	guarded := []metric.Int64ObservableGaugeOption{metric.WithDescription(c.Description()), metric.WithUnit(c.Unit())}
	for _, f := range m.int64(c.Callbacks(), true) {
		guarded = append(guarded, metric.WithInt64Callback(f))
	}
	return m.Meter.Int64ObservableGauge(name, guarded...)
}

func (m *guardedMeter) Float64ObservableCounter(name string, opts ...metric.Float64ObservableCounterOption) (metric.Float64ObservableCounter, error) {
	c := metric.NewFloat64ObservableCounterConfig(opts...)
	guarded := []metric.Float64ObservableCounterOption{metric.WithDescription(c.Description()), metric.WithUnit(c.Unit())}
	for _, f := range m.float64(c.Callbacks(), false) {
		guarded = append(guarded, metric.WithFloat64Callback(f))
	}
	return m.Meter.Float64ObservableCounter(name, guarded...)
}

func (m *guardedMeter) Float64ObservableUpDownCounter(name string, opts ...metric.Float64ObservableUpDownCounterOption) (metric.Float64ObservableUpDownCounter, error) {
	c := metric.NewFloat64ObservableUpDownCounterConfig(opts...)
	guarded := []metric.Float64ObservableUpDownCounterOption{metric.WithDescription(c.Description()), metric.WithUnit(c.Unit())}
	for _, f := range m.float64(c.Callbacks(), true) {
		guarded = append(guarded, metric.WithFloat64Callback(f))
	}
	return m.Meter.Float64ObservableUpDownCounter(name, guarded...)
}

func (m *guardedMeter) Float64ObservableGauge(name string, opts ...metric.Float64ObservableGaugeOption) (metric.Float64ObservableGauge, error) {
	c := metric.NewFloat64ObservableGaugeConfig(opts...)
	guarded := []metric.Float64ObservableGaugeOption{metric.WithDescription(c.Description()), metric.WithUnit(c.Unit())}
	for _, f := range m.float64(c.Callbacks(), true) {
		guarded = append(guarded, metric.WithFloat64Callback(f))
	}
	return m.Meter.Float64ObservableGauge(name, guarded...)
}
