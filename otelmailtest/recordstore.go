package otelmailtest

import (
	"context"
	"slices"
	"sync"

	sdklog "go.opentelemetry.io/otel/sdk/log"
)

// recordStore is a log processor that keeps the records.
type recordStore struct {
	mu  sync.Mutex
	all []sdklog.Record
}

// OnEmit implements [sdklog.Processor].
func (s *recordStore) OnEmit(_ context.Context, r *sdklog.Record) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.all = append(s.all, r.Clone())
	return nil
}

// Enabled implements [sdklog.Processor].
func (s *recordStore) Enabled(context.Context, sdklog.EnabledParameters) bool { return true }

// Shutdown implements [sdklog.Processor].
func (s *recordStore) Shutdown(context.Context) error { return nil }

// ForceFlush implements [sdklog.Processor].
func (s *recordStore) ForceFlush(context.Context) error { return nil }

func (s *recordStore) list() []sdklog.Record {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.all)
}
