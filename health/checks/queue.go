package checks

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// Oldest returns a check that the oldest message of a queue is not older than limit. oldest
// tells when that message was queued, or the zero time where there is none; it must
// heed its context. Leave out what waits on purpose, for the next attempt or for somebody to
// release it: a destination that is away is no fault of this server. limit must be
// positive.
func Oldest(oldest func(context.Context) (time.Time, error), limit time.Duration) func(context.Context) error {
	return func(ctx context.Context) error {
		if oldest == nil {
			return errors.New("health: queue: function is nil: must tell when the oldest message was queued")
		}
		if limit <= 0 {
			return fmt.Errorf("health: queue: limit %v: must be positive", limit)
		}
		at, err := oldest(ctx)
		if err != nil {
			return fmt.Errorf("health: queue: ask for the oldest message: %w", err)
		}
		if age := time.Since(at); !at.IsZero() && age > limit {
			return fmt.Errorf("health: queue: the oldest message is %v old: must be at most %v", age.Round(time.Second), limit)
		}
		return nil
	}
}
