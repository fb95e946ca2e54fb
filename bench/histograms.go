package main

import (
	"context"
	"time"

	vm "github.com/VictoriaMetrics/metrics"
	prom "github.com/prometheus/client_golang/prometheus"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/trace"

	"github.com/rusmes/otelmail"
)

// No public method records a histogram alone. Processing.End comes nearest: it
// reads the clock, moves one counter and records one histogram. The other side
// does the same three things, and Processing is begun once for each turn.

// latencyBuckets are the bounds of message_processing_latency_seconds.
var latencyBuckets = []float64{0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10}

const setOfHistogram = "The end of a message's processing as a server calls it, `Processing.End`: one counter, one reading of the clock and one histogram; the other side does the same three. The time of the clock is taken off both."

func histogramDuels(ctx context.Context) ([]duel, error) {
	plain, err := startUntraced()
	if err != nil {
		return nil, err
	}
	traced, sampled, err := startTraced(ctx)
	if err != nil {
		return nil, err
	}
	processed := prom.NewCounter(prom.CounterOpts{Name: "mail_processed_total"})
	latency := prom.NewHistogram(prom.HistogramOpts{Name: "latency_seconds", Buckets: latencyBuckets})
	victoria := vm.NewSet().NewHistogram("latency_seconds")
	victoriaProcessed := vm.NewSet().NewCounter("mail_processed_total")
	id := trace.SpanContextFromContext(sampled).TraceID().String()

	ends := func(ctx context.Context, tel *otelmail.Telemetry) loop {
		return func(n int) {
			p := tel.Mail.Process(ctx, otelmail.MessageFacts{})
			for range n {
				p.End(otelmail.FateQueued, otelmail.CauseNone)
			}
		}
	}
	observe := func(n int) {
		begun := time.Now()
		for range n {
			processed.Inc()
			latency.Observe(time.Since(begun).Seconds())
		}
	}
	exemplars := latency.(prom.ExemplarObserver)
	observeWithExemplar := func(n int) {
		begun := time.Now()
		for range n {
			processed.Inc()
			exemplars.ObserveWithExemplar(time.Since(begun).Seconds(), prom.Labels{"trace_id": id})
		}
	}
	updateVictoria := func(n int) {
		begun := time.Now()
		for range n {
			victoriaProcessed.Inc()
			victoria.Update(time.Since(begun).Seconds())
		}
	}
	sdk := sdkHistogram()
	recordSDK := func(n int) {
		begun := time.Now()
		for range n {
			processed.Inc()
			sdk.Record(ctx, time.Since(begun).Seconds(), noLabels...)
		}
	}
	clock := readClock(1)
	return []duel{
		{row: Row{ID: "exemplar", What: "histogram record with exemplar, sampled span", Against: "client_golang ObserveWithExemplar", Goal: Goal{Ratio: 0.4, NoAllocs: true},
			Note: setOfHistogram + " The sampled span is the SDK's and lies in the context; theirs is given the trace id as a string made beforehand."},
			ours: ends(sampled, traced), theirs: observeWithExemplar, common: clock},
		{row: Row{ID: "histogram", What: "histogram record without exemplar", Against: "client_golang Observe", Goal: Goal{Ratio: 3.0, NoAllocs: true}, Note: setOfHistogram},
			ours: ends(ctx, plain), theirs: observe, common: clock},
		{row: Row{ID: "histogram-sdk", What: "histogram record without exemplar", Against: "the OpenTelemetry SDK's Record with a prebuilt option", Goal: Goal{Ratio: 1.15, NoAllocs: true}, Note: setOfHistogram + sdkNote},
			ours: ends(ctx, plain), theirs: recordSDK, common: clock},
		{row: Row{ID: "histogram-cores", What: "histogram record without exemplar, all cores busy", Against: "client_golang Observe", Note: setOfHistogram},
			ours: ends(ctx, plain), theirs: observe, allCores: true, common: clock},
		{row: Row{ID: "histogram-victoria", What: "histogram record without exemplar", Against: "VictoriaMetrics/metrics Update", Note: setOfHistogram},
			ours: ends(ctx, plain), theirs: updateVictoria, common: clock},
	}, nil
}

const sdkNote = " Its counter is client_golang's, its histogram has the same bounds."

var noLabels = []metric.RecordOption{metric.WithAttributeSet(*attribute.EmptySet())}

// sdkHistogram is a histogram of the SDK without anything of ours.
func sdkHistogram() metric.Float64Histogram {
	mp := sdkmetric.NewMeterProvider(sdkmetric.WithReader(sdkmetric.NewManualReader()))
	h, err := mp.Meter("bench").Float64Histogram("latency_seconds", metric.WithExplicitBucketBoundaries(latencyBuckets...))
	if err != nil { // cannot happen with a valid name
		panic(err)
	}
	return h
}

// readClock reads the clock as often as one operation does.
func readClock(times int) loop {
	return func(n int) {
		begun := time.Now()
		for range n {
			for range times {
				_ = time.Since(begun)
			}
		}
	}
}

// startTraced returns a Telemetry whose spans are no-ops, so that no span is made for a
// record, and a context with a sampled span of the SDK, so that every record has an
// exemplar.
func startTraced(ctx context.Context) (*otelmail.Telemetry, context.Context, error) {
	maker, err := start(ctx, spansTo(discardSpans{}))
	if err != nil {
		return nil, nil, err
	}
	sampled, _ := maker.TracerProvider().Tracer("bench").Start(ctx, "mail process")
	tel, err := startUntraced()
	return tel, sampled, err
}
