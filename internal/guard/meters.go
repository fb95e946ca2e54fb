// Package guard stands between an application and OpenTelemetry's SDK, where one
// mistake would cost more than its own values: a callback that panics or hangs ends
// every collection, NaN spoils a sum for ever, a scope that is not UTF-8 makes a receiver
// refuse every batch of it.
package guard

import (
	"math"

	"go.opentelemetry.io/otel/metric"
	"go.opentelemetry.io/otel/metric/embedded"
)

// Reason is why a value or a callback was refused.
type Reason uint8

// The reasons.
const (
	NaN Reason = iota
	Infinite
	Negative
	CallbackError
	CallbackPanic
	CallbackTimeout
)

// Reasons are the names of the reasons, in their order.
func Reasons() []string {
	return []string{"not_a_number", "infinite", "negative", "callback_error", "callback_panic", "callback_timeout"}
}

// Meters wraps a MeterProvider so that a callback of the application that panics, fails,
// hangs or ends its goroutine loses its own values and no others, and values that would
// spoil a series are refused. What was refused is given to refused, and a callback's
// failure to handle.
// Everything else passes through.
func Meters(mp metric.MeterProvider, handle func(error), refused func(Reason)) metric.MeterProvider {
	return &meters{inner: mp, handle: handle, refused: refused}
}

type meters struct {
	embedded.MeterProvider
	inner   metric.MeterProvider
	handle  func(error)
	refused func(Reason)
}

func (p *meters) Meter(name string, opts ...metric.MeterOption) metric.Meter {
	name, opts = cleanMeter(name, opts)
	return &meter{Meter: p.inner.Meter(name, opts...), scope: name, handle: p.handle, refused: p.refused}
}

// meter overrides what takes callbacks, and what takes values that can be wrong.
type meter struct {
	metric.Meter
	scope   string
	handle  func(error)
	refused func(Reason)
}

// refuses reports whether a value is refused: NaN and infinities spoil a sum for
// ever, and a counter that falls looks like a restart. signed says that the value may
// be negative.
func (m *meter) refuses(v float64, signed bool) bool {
	switch {
	case math.IsNaN(v):
		m.refused(NaN)
	case math.IsInf(v, 0):
		m.refused(Infinite)
	case v < 0 && !signed:
		m.refused(Negative)
	default:
		return false
	}
	return true
}
