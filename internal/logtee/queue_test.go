package logtee_test

import (
	"bytes"
	"context"
	"log/slog"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/rusmes/otelmail/internal/logtee"
)

// gated is a handler that waits to be let through.
type gated struct {
	slog.Handler
	gate chan struct{}
}

func (g gated) Handle(ctx context.Context, r slog.Record) error {
	<-g.gate
	return g.Handler.Handle(ctx, r)
}

// newGated returns a logger that nobody waits for, what it has written, and how many
// records it has lost.
func newGated(t *testing.T) (log *slog.Logger, open func() string, lost *atomic.Int64) {
	t.Helper()
	lost = &atomic.Int64{}
	var out bytes.Buffer
	queue := logtee.NewQueue(func(logtee.Loss) { lost.Add(1) }, nil)
	g := gated{plain(&out, slog.LevelInfo), make(chan struct{})}
	log = slog.New((&logtee.Tee{Queue: queue}).New(g, slog.DiscardHandler, time.Millisecond))
	return log, func() string {
		close(g.gate)
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
		defer cancel()
		if err := queue.Flush(ctx); err != nil {
			t.Error(err)
		}
		return out.String()
	}, lost
}

// TestWhatWaitsDoesNotChange: the application goes on with what it has logged.
func TestWhatWaitsDoesNotChange(t *testing.T) {
	log, open, _ := newGated(t)
	log.Info("stuck")
	value := map[string]int{"n": 1}
	pointer := &struct{ N int }{1}
	log.With("with", value).Info("waits", "v", value, "p", pointer, slog.Group("g", "v", value))
	value["n"], pointer.N = 2, 2
	const want = "level=INFO msg=stuck\nlevel=INFO msg=waits with=map[n:1] v=map[n:1] p=&{N:1} g.v=map[n:1]\n"
	if got := open(); got != want {
		t.Errorf("written:\n%swant\n%s", got, want)
	}
}

// TestTheQueueIsBounded in records and in bytes, and each lost record is told of once.
func TestTheQueueIsBounded(t *testing.T) {
	for _, tc := range []struct{ records, bytes, atLeast, atMost int }{
		{10_000, 1, 4096, 4096},
		{100, 1 << 20, 3, 4},
		{10, 5 << 20, 0, 0},
	} {
		log, open, lost := newGated(t)
		for range tc.records {
			log.Info(strings.Repeat("x", tc.bytes))
		}
		kept := tc.records - int(lost.Load())
		if kept < tc.atLeast || kept > tc.atMost {
			t.Errorf("%d records of %d bytes: %d wait, want %d to %d", tc.records, tc.bytes, kept, tc.atLeast, tc.atMost)
		}
		written := open()
		if n := strings.Count(written, "msg=x"); n != kept {
			t.Errorf("%d written, want %d", n, kept)
		}
		if n := strings.Count(written, "lost="); n > 1 && tc.atMost > 0 {
			t.Errorf("%d lines tell of lost records, want one", n)
		}
	}
}
