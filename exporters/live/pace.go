package live

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"sync"
	"time"

	"golang.org/x/time/rate"
)

// pace keeps those who ask about the events from taking the process from the mail. One answer is
// made at a time, in turn, and for long they take 2 % of one core: a few hundred searches a
// second. Whoever searches by hand sees nothing of it, and who lets a program ask is not served
// before others.
type pace struct {
	turn   chan struct{}
	budget *rate.Limiter // its tokens are nanoseconds of work

	mu  sync.Mutex
	by  map[string]int // who wait for their answer, by address
	all int
}

const (
	paceShare = 0.02
	paceBurst = 200 * time.Millisecond
	// mostCharged is what one answer counts at most: a disk that hangs is no work.
	mostCharged = 100 * time.Millisecond
	mostAsking  = 64
	mostEach    = 8
)

var errTooMany = errors.New("too much is searched for at once: ask again in a second")

func newPace() *pace {
	return &pace{turn: make(chan struct{}, 1), by: map[string]int{},
		budget: rate.NewLimiter(rate.Limit(paceShare*float64(time.Second)), int(paceBurst))}
}

// do does the work in turn. It is errTooMany where too many wait already, from that address or
// at all.
func (p *pace) do(ctx context.Context, from string, work func() error) error {
	if !p.enter(from) {
		return errTooMany
	}
	defer p.leave(from)
	select {
	case p.turn <- struct{}{}:
	case <-ctx.Done():
		return waited(ctx)
	}
	defer func() { <-p.turn }()
	now := time.Now()
	rest := time.NewTimer(p.budget.ReserveN(now, 0).DelayFrom(now))
	defer rest.Stop()
	select {
	case <-rest.C:
	case <-ctx.Done():
		return waited(ctx)
	}
	begun := time.Now()
	defer func() { p.budget.ReserveN(time.Now(), int(min(time.Since(begun), mostCharged))) }()
	return work()
}

func waited(ctx context.Context) error {
	return fmt.Errorf("live: it was not its turn in time: %w", context.Cause(ctx))
}

func (p *pace) enter(from string) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.all >= mostAsking || p.by[from] >= mostEach {
		return false
	}
	p.all++
	p.by[from]++
	return true
}

func (p *pace) leave(from string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.all--
	if p.by[from]--; p.by[from] == 0 {
		delete(p.by, from)
	}
}

// refused answers for an error of what do did.
func refused(w http.ResponseWriter, err error) {
	if errors.Is(err, errTooMany) {
		w.Header().Set("Retry-After", "1")
		refuse(w, http.StatusTooManyRequests, err.Error())
		return
	}
	refuse(w, http.StatusServiceUnavailable, err.Error())
}
