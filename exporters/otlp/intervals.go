package otlp

import (
	"strconv"
	"time"

	sdkmetric "go.opentelemetry.io/otel/sdk/metric"

	"github.com/rusmes/otelmail/internal/settings"
)

// batching is how spans or log records are gathered into requests.
type batching struct {
	queue, most    int
	delay, timeout time.Duration // timeout bounds one batch, all attempts together
}

// batching reads OTEL_BSP_* or OTEL_BLRP_*.
func (e *environment) batching(prefix string, delay, attempt time.Duration) batching {
	b := batching{
		queue: e.Int(2048, 1, 1_000_000, prefix+"_MAX_QUEUE_SIZE"),
		delay: e.Millis(delay, prefix+"_SCHEDULE_DELAY"),
		// The specification's default of 30 s would cut our minute of trying
		// in half, so it holds only when it is asked for.
		timeout: e.Millis(patience+attempt, prefix+"_EXPORT_TIMEOUT"),
	}
	b.most = e.Int(min(512, b.queue), 1, 1_000_000, prefix+"_MAX_EXPORT_BATCH_SIZE")
	if b.most > b.queue {
		e.add(settings.Invalid(prefix+"_MAX_EXPORT_BATCH_SIZE", strconv.Itoa(b.most),
			"at most "+prefix+"_MAX_QUEUE_SIZE, which is "+strconv.Itoa(b.queue)))
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
		interval:   e.Millis(time.Minute, "OTEL_METRIC_EXPORT_INTERVAL"),
		timeout:    e.Millis(30*time.Second, "OTEL_METRIC_EXPORT_TIMEOUT"),
		preference: Cumulative,
	}
	if c.interval > 0 {
		k.interval = c.interval
	}
	switch e.Enum("cumulative", []string{"cumulative", "delta", "lowmemory"},
		"OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE") {
	case "delta":
		k.preference = Delta
	case "lowmemory":
		k.preference = LowMemory
	}
	if c.temporality != 0 {
		k.preference = c.temporality
	}
	const exponential = "base2_exponential_bucket_histogram"
	k.exponential = e.Enum("", []string{"explicit_bucket_histogram", exponential},
		"OTEL_EXPORTER_OTLP_METRICS_DEFAULT_HISTOGRAM_AGGREGATION") == exponential
	return k
}

// ownReader says whether what is pushed cannot be what /metrics shows, so that
// it needs an aggregation of its own.
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

// aggregation is the SDK's form of the histograms' default aggregation, with
// the scale and size that the metrics SDK specification recommends.
func (k cadence) aggregation(kind sdkmetric.InstrumentKind) sdkmetric.Aggregation {
	if k.exponential && kind == sdkmetric.InstrumentKindHistogram {
		return sdkmetric.AggregationBase2ExponentialHistogram{MaxSize: 160, MaxScale: 20}
	}
	return sdkmetric.DefaultAggregationSelector(kind)
}
