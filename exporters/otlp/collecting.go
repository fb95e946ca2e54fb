package otlp

import (
	"context"
	"time"
)

// keep calls cycle at every interval, with the time that a push may take, and once
// more when stopping is closed, with all that life has left; then it returns.
func (k cadence) keep(life context.Context, stopping <-chan struct{}, cycle func(context.Context)) {
	ticker := time.NewTicker(k.interval)
	defer ticker.Stop()
	for {
		select {
		case <-stopping:
			cycle(life) // which ends a little before the time for shutdown does
			return
		case <-ticker.C:
			ctx, cancel := context.WithTimeout(life, k.timeout)
			cycle(ctx)
			cancel()
		}
	}
}
