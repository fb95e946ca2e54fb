package guard

import (
	"context"
	"slices"

	"go.opentelemetry.io/otel/metric"
)

// An observable of the SDK satisfies the interfaces of all kinds, so one cannot tell
// from it whether it is a counter. From these one can.
type (
	intObservableCounter   struct{ metric.Int64ObservableCounter }
	floatObservableCounter struct {
		metric.Float64ObservableCounter
	}
)

func (m *meter) RegisterCallback(f metric.Callback, instruments ...metric.Observable) (metric.Registration, error) {
	instruments = slices.Clone(instruments)
	for i, instrument := range instruments { // the SDK accepts only its own
		switch c := instrument.(type) {
		case intObservableCounter:
			instruments[i] = c.Int64ObservableCounter
		case floatObservableCounter:
			instruments[i] = c.Float64ObservableCounter
		}
	}
	c := &callback{meter: m}
	return m.Meter.RegisterCallback(func(ctx context.Context, o metric.Observer) error {
		c.run(ctx, func(until *fence) error { return f(ctx, observers{o, m, until}) })
		return nil
	}, instruments...)
}

// instrumentConfig is what an observable instrument is made from.
type instrumentConfig[F any] interface {
	Description() string
	Unit() string
	Callbacks() []F
}

// options rebuilds the options that c was made from, with guarded callbacks. O is the
// type of options for one kind of instrument; what guard returns is an option for
// several kinds.
func options[O, F, G any](c instrumentConfig[F], guard func(F) G) []O {
	all := []any{metric.WithDescription(c.Description()), metric.WithUnit(c.Unit())}
	for _, f := range c.Callbacks() {
		all = append(all, guard(f))
	}
	opts := make([]O, len(all))
	for i := range all {
		opts[i] = all[i].(O)
	}
	return opts
}

func (m *meter) ints(signed bool) func(metric.Int64Callback) metric.Int64ObservableOption {
	return func(f metric.Int64Callback) metric.Int64ObservableOption {
		c := &callback{meter: m}
		return metric.WithInt64Callback(func(ctx context.Context, o metric.Int64Observer) error {
			c.run(ctx, func(until *fence) error { return f(ctx, intObserver{o, m, until, signed}) })
			return nil
		})
	}
}

func (m *meter) floats(signed bool) func(metric.Float64Callback) metric.Float64ObservableOption {
	return func(f metric.Float64Callback) metric.Float64ObservableOption {
		c := &callback{meter: m}
		return metric.WithFloat64Callback(func(ctx context.Context, o metric.Float64Observer) error {
			c.run(ctx, func(until *fence) error { return f(ctx, floatObserver{o, m, until, signed}) })
			return nil
		})
	}
}

func (m *meter) Int64ObservableCounter(name string, opts ...metric.Int64ObservableCounterOption) (metric.Int64ObservableCounter, error) {
	c := metric.NewInt64ObservableCounterConfig(opts...)
	i, err := m.Meter.Int64ObservableCounter(name, options[metric.Int64ObservableCounterOption](c, m.ints(false))...)
	return intObservableCounter{i}, err
}

func (m *meter) Int64ObservableUpDownCounter(name string, opts ...metric.Int64ObservableUpDownCounterOption) (metric.Int64ObservableUpDownCounter, error) {
	c := metric.NewInt64ObservableUpDownCounterConfig(opts...)
	return m.Meter.Int64ObservableUpDownCounter(name, options[metric.Int64ObservableUpDownCounterOption](c, m.ints(true))...)
}

func (m *meter) Int64ObservableGauge(name string, opts ...metric.Int64ObservableGaugeOption) (metric.Int64ObservableGauge, error) {
	c := metric.NewInt64ObservableGaugeConfig(opts...)
	return m.Meter.Int64ObservableGauge(name, options[metric.Int64ObservableGaugeOption](c, m.ints(true))...)
}

func (m *meter) Float64ObservableCounter(name string, opts ...metric.Float64ObservableCounterOption) (metric.Float64ObservableCounter, error) {
	c := metric.NewFloat64ObservableCounterConfig(opts...)
	i, err := m.Meter.Float64ObservableCounter(name, options[metric.Float64ObservableCounterOption](c, m.floats(false))...)
	return floatObservableCounter{i}, err
}

func (m *meter) Float64ObservableUpDownCounter(name string, opts ...metric.Float64ObservableUpDownCounterOption) (metric.Float64ObservableUpDownCounter, error) {
	c := metric.NewFloat64ObservableUpDownCounterConfig(opts...)
	return m.Meter.Float64ObservableUpDownCounter(name, options[metric.Float64ObservableUpDownCounterOption](c, m.floats(true))...)
}

func (m *meter) Float64ObservableGauge(name string, opts ...metric.Float64ObservableGaugeOption) (metric.Float64ObservableGauge, error) {
	c := metric.NewFloat64ObservableGaugeConfig(opts...)
	return m.Meter.Float64ObservableGauge(name, options[metric.Float64ObservableGaugeOption](c, m.floats(true))...)
}

// floatObserver and intObserver are what a callback of a single instrument observes
// with.
type floatObserver struct {
	metric.Float64Observer
	meter  *meter
	until  *fence
	signed bool
}

func (o floatObserver) Observe(v float64, opts ...metric.ObserveOption) {
	if !o.meter.refuses(v, o.signed) {
		o.until.pass(func() { o.Float64Observer.Observe(v, opts...) })
	}
}

type intObserver struct {
	metric.Int64Observer
	meter  *meter
	until  *fence
	signed bool
}

func (o intObserver) Observe(n int64, opts ...metric.ObserveOption) {
	if !o.meter.refuses(float64(n), o.signed) {
		o.until.pass(func() { o.Int64Observer.Observe(n, opts...) })
	}
}

// observers is what a callback of several instruments observes with.
type observers struct {
	metric.Observer
	meter *meter
	until *fence
}

func (o observers) ObserveFloat64(i metric.Float64Observable, v float64, opts ...metric.ObserveOption) {
	c, counter := i.(floatObservableCounter)
	if counter {
		i = c.Float64ObservableCounter
	}
	if !o.meter.refuses(v, !counter) {
		o.until.pass(func() { o.Observer.ObserveFloat64(i, v, opts...) })
	}
}

func (o observers) ObserveInt64(i metric.Int64Observable, n int64, opts ...metric.ObserveOption) {
	c, counter := i.(intObservableCounter)
	if counter {
		i = c.Int64ObservableCounter
	}
	if !o.meter.refuses(float64(n), !counter) {
		o.until.pass(func() { o.Observer.ObserveInt64(i, n, opts...) })
	}
}
