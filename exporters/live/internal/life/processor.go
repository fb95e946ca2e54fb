package life

import (
	"context"

	"go.opentelemetry.io/otel/attribute"
	sdklog "go.opentelemetry.io/otel/sdk/log"

	"github.com/rusmes/otelmail"
)

// Processor is what fills the store: with the mail events, whatever is sampled. It asks for
// no other log record.
func (s *Store) Processor() sdklog.Processor { return processor{s} }

type processor struct{ store *Store }

// Enabled implements [sdklog.Processor].
func (p processor) Enabled(_ context.Context, param sdklog.EnabledParameters) bool {
	return ours(param.InstrumentationScope.Name, param.EventName)
}

// ours are events of the root package: what is in them has gone through the privacy policy.
func ours(scope, event string) bool { return scope == otelmail.ScopeName && knownEvents[event] }

// OnEmit implements [sdklog.Processor]. It writes nothing to a disk.
func (p processor) OnEmit(_ context.Context, r *sdklog.Record) error {
	if !ours(r.InstrumentationScope().Name, r.EventName()) {
		return nil
	}
	var space [32]attribute.KeyValue
	e := eventOf(r, space[:0])
	p.store.add(&e)
	return nil
}

// ForceFlush implements [sdklog.Processor].
func (p processor) ForceFlush(ctx context.Context) error { return p.store.flush(ctx) }

// Shutdown implements [sdklog.Processor]. The store can still be searched: Close ends it.
func (p processor) Shutdown(ctx context.Context) error { return p.store.flush(ctx) }

// flush writes what is in memory to the disk.
func (s *Store) flush(ctx context.Context) error {
	if s.disk == nil {
		return nil
	}
	return s.disk.flush(ctx)
}
