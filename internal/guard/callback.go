package guard

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/rusmes/otelmail/internal/contain"
)

// callbackTime bounds how long a collection waits for one callback.
const callbackTime = 2 * time.Second

// timeOf is how long the collection of ctx waits for the next callback: half of what it
// has left at most, so that however many hang the others' values still go out.
func timeOf(ctx context.Context) time.Duration {
	limit := callbackTime
	if deadline, ok := ctx.Deadline(); ok {
		limit = min(limit, time.Until(deadline)/2)
	}
	return limit
}

// callback is one callback of the application.
type callback struct {
	meter *meter
	calls contain.Calls
}

// run runs the callback for one collection, and reports what goes wrong instead of passing
// it on. What the callback has observed until then is shown.
func (c *callback) run(ctx context.Context, f func(*fence) error) {
	var (
		until fence
		wrong error
	)
	err := c.calls.Within(timeOf(ctx), func() { wrong = f(&until) })
	until.close()
	m := c.meter
	switch {
	case err == nil && wrong == nil:
	case err == nil:
		m.refused(CallbackError)
		m.handle(fmt.Errorf("a callback of meter %s: %w", m.scope, wrong))
	case errors.Is(err, contain.ErrHangs): // was said when it began to hang
		m.refused(CallbackTimeout)
	case errors.Is(err, contain.ErrLate):
		m.refused(CallbackTimeout)
		m.handle(fmt.Errorf("a callback of meter %s: its values are missing until it returns: %w", m.scope, err))
	default:
		m.refused(CallbackPanic)
		m.handle(fmt.Errorf("a callback of meter %s: its values are missing: %w", m.scope, err))
	}
}

// fence ends what a callback can observe with its collection: one that was given up may
// still observe, when the SDK expects it no longer.
type fence struct {
	mu     sync.Mutex
	closed bool
}

func (f *fence) pass(observe func()) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if !f.closed {
		observe()
	}
}

func (f *fence) close() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.closed = true
}
