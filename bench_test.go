package otelmail_test

import (
	"context"
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	prom "github.com/prometheus/client_golang/prometheus"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"

	"github.com/rusmes/otelmail"
	"github.com/rusmes/otelmail/export"
	"github.com/rusmes/otelmail/mailconv"
)

// Each benchmark measures ours beside what it is compared with, so that one run gives the
// ratio: absolute times say little on a shared machine.

func benchmark(b *testing.B, name string, f func()) {
	b.Run(name, func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			f()
		}
	})
	b.Run(name+"/all cores", func(b *testing.B) {
		b.ReportAllocs()
		b.RunParallel(func(pb *testing.PB) {
			for pb.Next() {
				f()
			}
		})
	})
}

func promCounter(name string) prom.Counter {
	return prom.NewCounter(prom.CounterOpts{Name: name})
}

func BenchmarkCounter(b *testing.B) {
	tel, _ := start(b)
	resolved := prom.NewCounterVec(prom.CounterOpts{Name: "c"}, []string{"protocol"}).WithLabelValues("smtp")
	var bare atomic.Int64
	benchmark(b, "bare atomic", func() { bare.Add(1) })
	benchmark(b, "otelmail", tel.WebPush.GaveUp)
	benchmark(b, "client_golang", resolved.Inc)
}

// BenchmarkHistogram records a duration in a histogram, and nothing else.
func BenchmarkHistogram(b *testing.B) {
	tel, _ := start(b)
	h := prom.NewHistogram(prom.HistogramOpts{Name: "h", Buckets: []float64{0.1, 0.5, 1, 5, 10, 30, 60, 120, 300, 600}})
	ctx := context.Background()
	record := otelmail.HistogramRecorder(tel)
	benchmark(b, "otelmail", func() { record(ctx, 20*time.Millisecond) })
	benchmark(b, "client_golang", func() { h.Observe(0.02) })
}

func BenchmarkHistogramWithExemplar(b *testing.B) {
	tel, _ := start(b)
	h := prom.NewHistogram(prom.HistogramOpts{Name: "h", Buckets: []float64{0.1, 0.5, 1, 5, 10, 30, 60, 120, 300, 600}})
	ctx, span := tel.TracerProvider().Tracer("bench").Start(context.Background(), "sampled")
	defer span.End()
	id := span.SpanContext().TraceID().String()
	record := otelmail.HistogramRecorder(tel)
	benchmark(b, "otelmail", func() { record(ctx, 20*time.Millisecond) })
	benchmark(b, "client_golang", func() {
		h.(prom.ExemplarObserver).ObserveWithExemplar(0.02, prom.Labels{"trace_id": id})
	})
}

// BenchmarkAcceptedMessage is everything one accepted and delivered message
// counts: 15 counters, 2 gauges, 3 histograms.
func BenchmarkAcceptedMessage(b *testing.B) {
	tel, _ := start(b)
	events := otelmail.AcceptedMessage(tel)
	benchmark(b, "otelmail", events)

	var counters [15]prom.Counter
	for i := range counters {
		counters[i] = promCounter(fmt.Sprintf("c%d", i))
	}
	gauges := [2]prom.Gauge{prom.NewGauge(prom.GaugeOpts{Name: "g0"}), prom.NewGauge(prom.GaugeOpts{Name: "g1"})}
	var histograms [3]prom.Histogram
	for i := range histograms {
		histograms[i] = prom.NewHistogram(prom.HistogramOpts{Name: fmt.Sprintf("h%d", i),
			Buckets: []float64{0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10}})
	}
	benchmark(b, "client_golang", func() {
		for _, c := range counters {
			c.Inc()
		}
		for _, g := range gauges {
			g.Add(1)
		}
		for _, h := range histograms {
			h.Observe(0.02)
		}
	})
}

func BenchmarkUnknownDomain(b *testing.B) {
	tel, _ := start(b)
	vec := prom.NewCounterVec(prom.CounterOpts{Name: "d"}, []string{"domain"})
	add := otelmail.DomainCounter(tel)
	benchmark(b, "otelmail", func() { add("bob@mail.example.org") })
	benchmark(b, "client_golang", func() { vec.WithLabelValues("mail.example.org").Inc() })
}

func BenchmarkCommandSpan(b *testing.B) {
	ok := otelmail.Reply{Code: 250}
	unsampled, _ := start(b, otelmail.WithSampleRatio(0))
	benchmark(b, "unsampled", func() { otelmail.BeginSMTPCommand(context.Background(), unsampled, mailconv.SMTPRcpt).End(ok) })
	bare := unsampled.TracerProvider().Tracer("bench")
	benchmark(b, "bare tracer, unsampled", func() {
		_, span := bare.Start(context.Background(), "SMTP RCPT")
		span.End()
	})
	sampled, _ := start(b, otelmail.WithExporter(export.Func(func(_ context.Context, p export.Pipeline) error {
		p.AddSpanProcessor(sdktrace.NewBatchSpanProcessor(tracetest.NewNoopExporter()))
		return nil
	})))
	benchmark(b, "sampled", func() { otelmail.BeginSMTPCommand(context.Background(), sampled, mailconv.SMTPRcpt).End(ok) })
}

// BenchmarkKeep is a message from the session that brings it to its delivery, six spans, up to
// an exporter's queue: each span as it ends, and held until the message has left the queue.
func BenchmarkKeep(b *testing.B) {
	discard := otelmail.WithExporter(export.Func(func(_ context.Context, p export.Pipeline) error {
		p.AddSpanProcessor(discardSpans{})
		return nil
	}))
	message := func(tel *otelmail.Telemetry, code int, why otelmail.Removal) func() {
		return func() {
			x := takes(tel)
			x.tries(otelmail.Reply{Code: code})
			x.removed(why)
		}
	}
	plain, _ := start(b, discard)
	kept, _ := start(b, discard, otelmail.WithKeep(otelmail.Keep{Rest: 0.01}))
	benchmark(b, "as they end", message(plain, 250, otelmail.RemovedDelivered))
	benchmark(b, "held", message(kept, 250, otelmail.RemovedDelivered))
	benchmark(b, "bounced, as they end", message(plain, 550, otelmail.RemovedBounced))
	benchmark(b, "bounced, held", message(kept, 550, otelmail.RemovedBounced))
}

type discardSpans struct{}

func (discardSpans) OnStart(context.Context, sdktrace.ReadWriteSpan) {}
func (discardSpans) OnEnd(sdktrace.ReadOnlySpan)                     {}
func (discardSpans) Shutdown(context.Context) error                  { return nil }
func (discardSpans) ForceFlush(context.Context) error                { return nil }
