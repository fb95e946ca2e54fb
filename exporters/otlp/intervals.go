package otlp

import (
	"cmp"
	"strconv"
	"time"

	sdkmetric "go.opentelemetry.io/otel/sdk/metric"

	"github.com/rusmes/otelmail/internal/settings"
)

// batching is how spans or log records are gathered into requests: most is the
// number in one request.
type batching struct {
	queue, most    int
	delay, timeout time.Duration // timeout bounds one batch, all attempts together
}

func (e *environment) batching(s settings.Batch, attempt time.Duration) batching {
	b := batching{
		queue: e.Int(s.Queue),
		delay: e.Millis(s.Delay),
		// The specification's default of 30 s would cut our minute of trying
		// in half, so it holds only when it is asked for.
		timeout: cmp.Or(e.Millis(s.Timeout), patience+attempt),
	}
	b.most = cmp.Or(e.Int(s.Size), min(settings.BatchSize, b.queue))
	if b.most > b.queue {
		e.Fail(s.Size, s.Size.Name(), strconv.Itoa(b.most), "at most "+s.Queue.Name()+", which is "+strconv.Itoa(b.queue))
		b.most = min(settings.BatchSize, b.queue)
	}
	return b
}

// cadence is how metrics are pushed.
type cadence struct {
	interval, timeout time.Duration
	preference        Preference
	exponential       bool
}

func (e *environment) cadence(c choices) cadence {
	k := cadence{
		interval:    c.interval,
		timeout:     e.Millis(settings.MetricTimeout),
		preference:  c.temporality,
		exponential: e.Enum(settings.HistogramAggregation) == settings.ExponentialHistogram,
	}
	if k.interval == 0 {
		k.interval = e.Millis(settings.MetricInterval)
	}
	if k.preference == 0 {
		k.preference = e.preference()
	}
	return k
}

func (e *environment) preference() Preference {
	switch e.Enum(settings.Temporality) {
	case settings.Delta:
		return Delta
	case settings.LowMemory:
		return LowMemory
	}
	return Cumulative
}

// ownReader reports whether the push needs other data than /metrics shows, and so a
// further reader.
func (k cadence) ownReader() bool { return k.preference != Cumulative || k.exponential }

// temporality is the SDK's form of the preference.
func (k cadence) temporality() sdkmetric.TemporalitySelector {
	switch k.preference {
	case Delta:
		return sdkmetric.DeltaTemporalitySelector
	case LowMemory:
		return sdkmetric.LowMemoryTemporalitySelector
	}
	return sdkmetric.CumulativeTemporalitySelector
}
