package health

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"
)

// A Heartbeat shows whether a loop still runs: the loop calls Beat in each iteration,
// and a check asks how long ago that was. The zero value is ready to use, without a
// beat yet. It must not be copied.
type Heartbeat struct {
	last atomic.Int64 // nanoseconds since epoch, plus one; 0 is no beat
}

// epoch is a point on the monotonic clock to measure from, so that setting the wall
// clock neither hides a dead loop nor fails a living one. It never changes.
var epoch = time.Now()

func sinceEpoch() int64 { return int64(time.Since(epoch)) + 1 }

// Beat says that the loop is alive now. It costs a reading of the clock and one
// atomic store, and may be called from any goroutine.
func (h *Heartbeat) Beat() { h.last.Store(sinceEpoch()) }

// Check returns a check that fails when the last Beat is older than maxAge, and
// while there was none. maxAge must be positive and should cover several iterations of
// the loop: a check made with another value fails at every run and says why.
//
// A check's first run comes at once, its second an Interval later: Beat once before
// the registry starts, or a server whose loop starts last stays unready that long.
func (h *Heartbeat) Check(maxAge time.Duration) func(context.Context) error {
	return func(context.Context) error {
		if maxAge <= 0 {
			return fmt.Errorf("health: heartbeat: max age %v: must be positive", maxAge)
		}
		last := h.last.Load()
		if last == 0 {
			return errors.New("health: heartbeat: no beat yet")
		}
		if age := time.Duration(sinceEpoch() - last); age > maxAge {
			return fmt.Errorf("health: heartbeat: last beat %v ago: must be at most %v", age, maxAge)
		}
		return nil
	}
}
