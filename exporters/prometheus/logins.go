package prometheus

import (
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"sync"
	"time"

	"golang.org/x/crypto/bcrypt"
	"golang.org/x/time/rate"
)

// logins verifies passwords. bcrypt is slow on purpose, so strangers must not choose how
// much of it is done: credentials that were right once are remembered and cost nothing;
// of the others one is verified at a time, within a budget, and few wait for it.
type logins struct {
	key    []byte // random; without it the digests below are useless
	budget *rate.Limiter
	closed context.Context
	close  context.CancelFunc

	mu       sync.Mutex
	admitted map[string][]byte // digests of credentials that were right, by user
	failed   map[origin]struct{}
	waiting  []*login // one for each origin; the one being verified is the first
	running  bool
	next     time.Time                // when the budget allows the next
	fastest  map[string]time.Duration // of one verification, by bcrypt cost
}

// login is one set of credentials on its way to a verdict.
type login struct {
	credentials
	from    origin
	digest  []byte
	verdict verdict // valid once done is closed
	done    chan struct{}
}

type credentials struct {
	username, password string
	hash               string // what the password must match
	known              bool   // else no password is right: the hash is another user's
}

type verdict int

const (
	refused verdict = iota // not verified
	wrong
	right
)

const (
	// mostWaiting is how many logins may wait for their verdict.
	mostWaiting = 16
	// mostFailed is how many origins of wrong passwords are remembered.
	mostFailed = 4096
	// budgetShare is how much of one core verifying may take for long: 2 %.
	budgetShare = 0.02
	// budgetBurst is how much it may take at once: that of a dozen scrapers after a start.
	budgetBurst = time.Second
)

func newLogins() (*logins, error) {
	key := make([]byte, sha256.Size)
	if _, err := rand.Read(key); err != nil {
		return nil, fmt.Errorf("make a random key: %w", err)
	}
	closed, stop := context.WithCancel(context.Background())
	return &logins{
		key: key,
		// Its tokens are nanoseconds of work.
		budget:   rate.NewLimiter(rate.Limit(budgetShare*float64(time.Second)), int(budgetBurst)),
		closed:   closed,
		close:    stop,
		admitted: make(map[string][]byte),
		failed:   make(map[origin]struct{}),
		fastest:  make(map[string]time.Duration),
	}, nil
}

// check answers at once, except for credentials that are to be verified. A client that
// leaves meanwhile finds the verdict remembered when it comes again.
func (l *logins) check(ctx context.Context, from origin, c credentials) verdict {
	one, ok := l.enter(from, c)
	if !ok {
		return refused
	}
	select {
	case <-one.done:
		return one.verdict
	case <-ctx.Done():
		return refused
	}
}

// enter returns the login to wait for; not ok is that there is no place for it.
func (l *logins) enter(from origin, c credentials) (_ *login, ok bool) {
	one := &login{credentials: c, from: from, digest: l.digest(c), done: make(chan struct{})}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.remembered(one) {
		one.decide(right)
		return one, true
	}
	for _, other := range l.waiting {
		if other.from == from {
			// Two scrapers with one name behind one address are one login.
			return other, hmac.Equal(other.digest, one.digest)
		}
	}
	if len(l.waiting) >= mostWaiting && !l.displace(from) {
		return nil, false
	}
	l.waiting = append(l.waiting, one)
	if !l.running {
		l.running = true
		go l.run()
	}
	return one, true
}

// displace makes room for an origin that has given no wrong password: the last one waiting
// that has is refused.
func (l *logins) displace(from origin) bool {
	if _, failed := l.failed[from]; failed {
		return false
	}
	for i := len(l.waiting) - 1; i > 0; i-- { // the first is being verified
		if _, failed := l.failed[l.waiting[i].from]; failed {
			l.waiting[i].decide(refused)
			l.waiting = append(l.waiting[:i], l.waiting[i+1:]...)
			return true
		}
	}
	return false
}

// run verifies while somebody waits.
func (l *logins) run() {
	for {
		if !l.rest() {
			return
		}
		one := l.first()
		if one == nil {
			return
		}
		begun := time.Now()
		err := bcrypt.CompareHashAndPassword([]byte(one.hash), []byte(one.password))
		l.finish(one, err == nil && one.known, time.Since(begun))
	}
}

// rest waits until the budget allows the next one. False is that the server ends.
func (l *logins) rest() bool {
	l.mu.Lock()
	pause := time.Until(l.next)
	l.mu.Unlock()
	timer := time.NewTimer(pause)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-l.closed.Done():
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, one := range l.waiting {
		one.decide(refused)
	}
	l.waiting = nil
	return false // and running stays true: nobody starts another
}

// first chooses whom to verify: one whose origin has given no wrong password, so that a
// scraper does not stand behind those who guess; else the one that has waited longest. It
// is nil when nobody waits.
func (l *logins) first() *login {
	l.mu.Lock()
	defer l.mu.Unlock()
	for i, one := range l.waiting {
		if _, failed := l.failed[one.from]; !failed {
			copy(l.waiting[1:i+1], l.waiting[:i])
			l.waiting[0] = one
			break
		}
	}
	for len(l.waiting) > 0 {
		one := l.waiting[0]
		if !l.remembered(one) { // another may have brought the same in the meantime
			return one
		}
		l.waiting = l.waiting[1:]
		one.decide(right)
	}
	l.running = false
	return nil
}

func (l *logins) finish(one *login, ok bool, took time.Duration) {
	l.mu.Lock()
	defer l.mu.Unlock()
	// On a busy machine most of the time went to others: the fastest says what it costs.
	cost, now := one.hash[4:6], time.Now()
	if best, ok := l.fastest[cost]; !ok || took < best {
		l.fastest[cost] = took
	}
	l.next = now.Add(l.budget.ReserveN(now, int(min(l.fastest[cost], budgetBurst))).DelayFrom(now))
	l.waiting = l.waiting[1:]
	if ok {
		l.admitted[one.username] = one.digest
		one.decide(right)
		return
	}
	if len(l.failed) >= mostFailed {
		clear(l.failed) // it decides nothing but an order
	}
	l.failed[one.from] = struct{}{}
	one.decide(wrong)
}

func (o *login) decide(v verdict) {
	o.verdict = v
	close(o.done)
}

func (l *logins) remembered(one *login) bool {
	return one.known && hmac.Equal(l.admitted[one.username], one.digest)
}

// digest covers the hash too: a password that was changed is not remembered.
func (l *logins) digest(c credentials) []byte {
	mac := hmac.New(sha256.New, l.key)
	for _, part := range []string{c.username, c.hash, c.password} {
		// The length keeps "ab"+"c" apart from "a"+"bc".
		mac.Write(binary.BigEndian.AppendUint64(nil, uint64(len(part))))
		mac.Write([]byte(part))
	}
	return mac.Sum(nil)
}
