package demo

import (
	"context"
	"sync"
	"time"

	"github.com/rusmes/otelmail"
)

// senderLimit makes a user wait who sends faster than people do.
type senderLimit struct {
	tel   *otelmail.Telemetry
	every time.Duration // the least time between two messages that need not wait
	delay time.Duration

	mu   sync.Mutex
	last map[string]time.Time // there is but one user
}

func newSenderLimit(tel *otelmail.Telemetry) *senderLimit {
	return &senderLimit{tel: tel, every: time.Second, delay: 5 * time.Millisecond, last: map[string]time.Time{}}
}

func (l *senderLimit) wait(ctx context.Context, user string) {
	if !l.exceeded(user, time.Now()) {
		return
	}
	l.tel.Filter.RateLimit(otelmail.LimiterSender, otelmail.LimitDelay)
	waited := time.NewTimer(l.delay)
	defer waited.Stop()
	select {
	case <-waited.C:
	case <-ctx.Done():
	}
}

func (l *senderLimit) exceeded(user string, now time.Time) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	last := l.last[user]
	l.last[user] = now
	return now.Sub(last) < l.every
}
