package health

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"
)

const (
	defaultTimeout  = 5 * time.Second
	defaultInterval = 10 * time.Second

	// The lower bound catches a missing unit, as in Interval(10), which would keep a
	// core busy; the upper one keeps interval+timeout far from overflow.
	minDuration = time.Millisecond
	maxDuration = 24 * time.Hour

	maxNameLength = 64
)

// check is one registered check: what it is, and what is known about it.
type check struct {
	name        string
	fn          func(context.Context) error
	timeout     time.Duration
	interval    time.Duration
	decides     Probe
	groups      []string // sorted
	errorDetail bool

	failAfter, recoverAfter threshold

	// Set when the check is launched.
	cancel   context.CancelFunc
	done     chan struct{}   // closed when the check's goroutine has ended
	previous <-chan struct{} // done of an unregistered check of the same name, or nil

	mu           sync.Mutex // held for a few assignments, never while the check runs
	runningSince time.Time  // zero between two runs
	last         run
	streak       streak
	held         standing // at the end of the last run
}

// run is what a finished run of a check has shown. A zero ended means no run yet.
type run struct {
	state    State
	began    time.Time
	ended    time.Time
	failures int
	text     string
}

func newCheck(name string, fn func(context.Context) error, opts []CheckOption) (*check, error) {
	if err := validName(name); err != nil {
		return nil, err
	}
	if fn == nil {
		return nil, errors.New("check function is nil: must be a func(context.Context) error")
	}
	c := &check{
		name: name, fn: fn,
		timeout: defaultTimeout, interval: defaultInterval,
		failAfter: threshold{runs: 1}, recoverAfter: threshold{runs: 1},
		held: standing{state: StateStarting},
	}
	for _, o := range opts {
		if o == nil {
			continue
		}
		if err := o.applyCheck(c); err != nil {
			return nil, err
		}
	}
	return c, nil
}

// Timeout is how long one run may take, from 1ms to 24h. After that the check's
// context is cancelled and its state is [StateTimeout]. Default: 5s.
func Timeout(d time.Duration) CheckOption {
	return checkOption(func(c *check) error {
		c.timeout = d
		return validDuration("timeout", d)
	})
}

// Interval is the pause between the end of one run and the start of the next,
// from 1ms to 24h. Default: 10s.
func Interval(d time.Duration) CheckOption {
	return checkOption(func(c *check) error {
		c.interval = d
		return validDuration("interval", d)
	})
}

func validDuration(what string, d time.Duration) error {
	if d < minDuration || d > maxDuration {
		return fmt.Errorf("%s %v: must be from %v to %v", what, d, minDuration, maxDuration)
	}
	return nil
}

// validName keeps names fit for a JSON key, a metric label and a log line alike.
func validName(name string) error {
	if name == "" {
		return fmt.Errorf("name is empty: must be 1 to %d characters", maxNameLength)
	}
	if len(name) > maxNameLength {
		return fmt.Errorf("name has %d bytes: must be 1 to %d characters", len(name), maxNameLength)
	}
	for i, b := range []byte(name) {
		if !letterOrDigit(b) && (i == 0 || b != '_' && b != '-' && b != '.') {
			return fmt.Errorf("name has %q at byte %d: must be letters a-z A-Z and digits, and after the first also one of '_-.'", b, i)
		}
	}
	return nil
}

func letterOrDigit(b byte) bool {
	return 'a' <= b && b <= 'z' || 'A' <= b && b <= 'Z' || '0' <= b && b <= '9'
}
