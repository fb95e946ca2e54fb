package demo

import (
	"context"
	"sync/atomic"
	"testing"
	"time"
)

// TestTrafficWaitsForTheQueue: while it is behind nothing more is sent, and after that
// nothing of the schedule is left out.
func TestTrafficWaitsForTheQueue(t *testing.T) {
	var behind atomic.Bool
	calls := make(chan int, 100)
	built := &traffic{behind: behind.Load}
	behind.Store(true)
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		built.run(ctx, []client{{"counted", func(_ *traffic, _ context.Context, n int) error { calls <- n; return nil }}}, 100)
	}()

	select {
	case n := <-calls:
		t.Errorf("call %d was made", n)
	case <-time.After(200 * time.Millisecond):
	}
	behind.Store(false)
	seen := map[int]bool{}
	for range 3 {
		seen[<-calls] = true
	}
	if !seen[0] || !seen[1] || !seen[2] {
		t.Errorf("the first three calls were %v", seen)
	}
	behind.Store(true) // who waits is not kept from ending
	cancel()
	<-ended
}

// TestTrafficEndsWhileItWaits, and begins nothing at the end.
func TestTrafficEndsWhileItWaits(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	built := &traffic{behind: func() bool { return true }}
	built.run(ctx, []client{{"counted", func(*traffic, context.Context, int) error { t.Error("a call was made"); return nil }}}, 100)
}
