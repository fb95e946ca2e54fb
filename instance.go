package otelmail

import (
	"context"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/sdk/resource"
	semconv "go.opentelemetry.io/otel/semconv/v1.43.0"

	"github.com/rusmes/otelmail/export"
	"github.com/rusmes/otelmail/internal/contain"
	"github.com/rusmes/otelmail/internal/machine"
)

// places are those of the exporters. One that panics says so when it is opened.
func (p *pipeline) places() (places []string) {
	for _, e := range p.config.exporters {
		placed, ok := e.(export.Placed)
		if !ok {
			continue
		}
		place := ""
		if err := contain.Apart(func() { place = placed.Place(p) }); err == nil && place != "" {
			places = append(places, place)
		}
	}
	return places
}

// instanceID is a service.instance.id that a restart does not change: each new one begins all
// series anew. It is "" where two processes could have the same: one at random does less harm
// then than two processes that write the same series.
func instanceID(ctx context.Context, service string, places []string) string {
	if len(places) == 0 {
		return "" // do not ask: some systems run a program for it
	}
	// What cannot be found is not there.
	of, _ := resource.New(ctx, resource.WithHostID(), resource.WithHost())
	get := func(key attribute.Key) string {
		v, _ := of.Set().Value(key)
		return v.AsString()
	}
	return machine.InstanceID(get(semconv.HostIDKey), get(semconv.HostNameKey), service, places)
}
