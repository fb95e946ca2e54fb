package demo

import (
	"slices"
	"sync"
	"time"
)

// limitedDomain asks for no more than one message in a while.
const limitedDomain = "limited.example"

// limitEvery is the while.
const limitEvery = 200 * time.Millisecond

// destinationLimit keeps to that.
type destinationLimit struct {
	mu   sync.Mutex
	next time.Time
}

// wait is how long a message for these recipients has to wait, 0 for not at all.
func (l *destinationLimit) wait(recipients []string) time.Duration {
	if !slices.ContainsFunc(recipients, func(r string) bool { return domainOf(r) == limitedDomain }) {
		return 0
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if wait := time.Until(l.next); wait > 0 {
		return wait
	}
	l.next = time.Now().Add(limitEvery)
	return 0
}
