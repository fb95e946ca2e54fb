package prometheus

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"sync"

	prom "github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/otlptranslator"
	otelprom "go.opentelemetry.io/otel/exporters/prometheus"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	"go.opentelemetry.io/otel/sdk/resource"

	"github.com/rusmes/otelmail"
)

// translation is how OpenTelemetry's names become Prometheus's.
var translation = otlptranslator.UnderscoreEscapingWithSuffixes

// bridge turns OpenTelemetry's metrics into Prometheus families with
// OpenTelemetry's own exporter. That exporter is the reader of a MeterProvider
// without instruments, so that it sees only what our producer collected.
// Collecting beforehand gives the collection the scrape's deadline, for which
// client_golang's Collector has no parameter, and keeps a failing collection
// out of the exporter, which would send its error to the global handler.
type bridge struct {
	producer sdkmetric.Producer
	registry *prom.Registry
	// turn guards pending. All scrapes share one exporter, because it remembers
	// the type under which it first saw a name.
	turn    chan struct{}
	pending []metricdata.ScopeMetrics
	spare   sync.Pool // of metricdata.ResourceMetrics
}

func newBridge(producer sdkmetric.Producer) (*bridge, error) {
	b := &bridge{producer: producer, registry: prom.NewRegistry(), turn: make(chan struct{}, 1),
		spare: sync.Pool{New: func() any { return new(metricdata.ResourceMetrics) }}}
	exporter, err := newExporter(b.registry, otelprom.WithProducer(pendingMetrics{b}))
	if err != nil {
		return nil, err
	}
	// The provider may be dropped: the exporter keeps what it needs of it, and neither
	// has a goroutine.
	sdkmetric.NewMeterProvider(sdkmetric.WithReader(exporter), sdkmetric.WithResource(resource.Empty()))
	return b, nil
}

// newExporter builds OpenTelemetry's exporter, which adds no labels and no series of
// its own.
func newExporter(registry *prom.Registry, opts ...otelprom.Option) (*otelprom.Exporter, error) {
	exporter, err := otelprom.New(append(opts,
		otelprom.WithRegisterer(registry),
		otelprom.WithoutScopeInfo(),
		otelprom.WithoutTargetInfo(),
		otelprom.WithTranslationStrategy(translation))...)
	if err != nil {
		return nil, fmt.Errorf("build the Prometheus exporter: %w", err)
	}
	return exporter, nil
}

// pendingMetrics hands the exporter what was collected before.
type pendingMetrics struct{ b *bridge }

func (p pendingMetrics) Produce(context.Context) ([]metricdata.ScopeMetrics, error) {
	return p.b.pending, nil
}

func (b *bridge) gather(ctx context.Context) ([]*dto.MetricFamily, []problem) {
	into := b.spare.Get().(*metricdata.ResourceMetrics)
	defer b.spare.Put(into)
	scopes, err := b.collect(ctx, into)
	var found []problem
	if err != nil {
		reason := reasonSource
		if ctx.Err() != nil {
			reason = reasonTimeout
		}
		found = append(found, problem{reason, fmt.Errorf("collect OpenTelemetry metrics: %w", err)})
	}
	if len(scopes) == 0 {
		return nil, found
	}
	families, more := b.translate(ctx, inOrder(scopes))
	return families, append(found, more...)
}

// collect reads a Reader into the memory of an earlier scrape, of which the families
// made since hold nothing; the SDK would make thousands of slices anew.
func (b *bridge) collect(ctx context.Context, into *metricdata.ResourceMetrics) ([]metricdata.ScopeMetrics, error) {
	reader, ok := b.producer.(*otelmail.Reader)
	if !ok {
		return b.producer.Produce(ctx)
	}
	if err := reader.Collect(ctx, into); err != nil {
		return nil, err
	}
	return into.ScopeMetrics, nil
}

func (b *bridge) translate(ctx context.Context, scopes []metricdata.ScopeMetrics) ([]*dto.MetricFamily, []problem) {
	select {
	case b.turn <- struct{}{}:
	case <-ctx.Done():
		return nil, []problem{{reasonTimeout, fmt.Errorf("wait to translate OpenTelemetry metrics: %w", ctx.Err())}}
	}
	defer func() { b.pending = nil; <-b.turn }()
	b.pending = scopes
	families, err := b.registry.Gather()
	return families, seriesProblems("OpenTelemetry metrics", err)
}

// inOrder puts the catalogue first and the rest by name. Of two series with one
// name the first is shown: the SDK returns scopes in random order, and an
// application's instrument must not take a name of the catalogue by luck.
func inOrder(scopes []metricdata.ScopeMetrics) []metricdata.ScopeMetrics {
	out := slices.Clone(scopes) // they are the producer's
	rank := func(s *metricdata.ScopeMetrics) int {
		if s.Scope.Name == otelmail.ScopeName {
			return 0
		}
		return 1
	}
	slices.SortStableFunc(out, func(a, b metricdata.ScopeMetrics) int {
		return cmp.Or(cmp.Compare(rank(&a), rank(&b)), cmp.Compare(a.Scope.Name, b.Scope.Name))
	})
	return out
}
