package demo

import (
	"sync"
	"time"

	"github.com/rusmes/otelmail"
)

// pace makes those wait who do something faster than people do.
type pace struct {
	tel     *otelmail.Telemetry
	limiter otelmail.Limiter
	every   time.Duration // the least time between two that need not wait

	mu   sync.Mutex
	last map[string]time.Time
}

// paceDelay is how long they wait.
const paceDelay = 5 * time.Millisecond

func newPace(tel *otelmail.Telemetry, limiter otelmail.Limiter, every time.Duration) *pace {
	return &pace{tel: tel, limiter: limiter, every: every, last: map[string]time.Time{}}
}

// wait returns when who may go on. What is said of a name is kept for ever: it must not be
// one that strangers choose.
func (p *pace) wait(who string) {
	if p.exceeded(who, time.Now()) {
		p.tel.Filter.RateLimit(p.limiter, otelmail.LimitDelay)
		time.Sleep(paceDelay)
	}
}

func (p *pace) exceeded(who string, now time.Time) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	last := p.last[who]
	p.last[who] = now
	return now.Sub(last) < p.every
}
