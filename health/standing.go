package health

import (
	"fmt"
	"time"
)

// maxRuns keeps a threshold from being one that is never reached.
const maxRuns = 1000

// FailAfter says when a check that was healthy counts as failing: once n runs in a row have
// failed, and the first of them at least d before the last. n is from 1 to 1000, d from 0 to
// 24h. Until then its state stays what it was; the runs that failed show in
// [Result].ConsecutiveFailures. A run that hangs stands for as many failures as runs
// would have had the time to fail. Default: FailAfter(1, 0), the first failure counts.
func FailAfter(n int, d time.Duration) CheckOption {
	return checkOption(func(c *check) error {
		c.failAfter = threshold{n, d}
		return c.failAfter.valid("fail after")
	})
}

// RecoverAfter says when a check that failed counts as healthy again: once n runs in a row
// were healthy, and the first of them at least d before the last. n is from 1 to 1000, d
// from 0 to 24h. The first healthy run after Start counts at once. Default:
// RecoverAfter(1, 0).
func RecoverAfter(n int, d time.Duration) CheckOption {
	return checkOption(func(c *check) error {
		c.recoverAfter = threshold{n, d}
		return c.recoverAfter.valid("recover after")
	})
}

// threshold is how many results in a row, over how long a time, change a state.
type threshold struct {
	runs    int
	lasting time.Duration
}

func (t threshold) valid(what string) error {
	if t.runs < 1 || t.runs > maxRuns {
		return fmt.Errorf("%s %d runs: must be from 1 to %d", what, t.runs, maxRuns)
	}
	if t.lasting < 0 || t.lasting > maxDuration {
		return fmt.Errorf("%s %v: must be from 0 to %v", what, t.lasting, maxDuration)
	}
	return nil
}

func (t threshold) reached(s streak) bool {
	return s.runs >= t.runs && s.last.Sub(s.since) >= t.lasting
}

// streak are the latest results that agree: all healthy, or all not.
type streak struct {
	healthy     bool
	runs        int       // 0 before the first result
	since, last time.Time // when the first and the last were known
}

// standing is the state that the probes show.
type standing struct {
	state   State
	since   time.Time
	changes int64 // from healthy to failing and back
}

func (s standing) failing() bool { return s.state != StateHealthy && s.state != StateStarting }

func (s standing) turn(to State, at time.Time) standing {
	if s.state == to {
		return s
	}
	if s.state != StateStarting && (s.state == StateHealthy || to == StateHealthy) {
		s.changes++
	}
	s.state, s.since = to, at
	return s
}

// overdue is how the check fails by the clock alone, and since when: the run under way is
// past its limit, or the last result is too old. The time is zero if it does not.
func (c *check) overdue(now time.Time) (State, time.Time) {
	var since time.Time
	if c.last.state == StateHealthy {
		began := now
		if !c.runningSince.IsZero() {
			began = c.runningSince // a run that began in time still has its own
		}
		if stale := c.last.ended.Add(c.interval + c.timeout); !began.Before(stale) {
			since = stale
		}
	}
	if !c.runningSince.IsZero() {
		if limit := c.runningSince.Add(c.timeout); !now.Before(limit) {
			if since.IsZero() {
				since = limit
			}
			return StateTimeout, since
		}
	}
	return StateStale, since
}

// standingAt is what the probes show at a moment.
func (c *check) standingAt(now time.Time) standing {
	state, since := c.overdue(now)
	if since.IsZero() {
		return c.held
	}
	if !c.held.failing() {
		if since = c.failsAt(since); now.Before(since) {
			return c.held
		}
	}
	return c.held.turn(state, since)
}

// failsAt is when a check that is not known to fail will, if it is overdue since then.
func (c *check) failsAt(since time.Time) time.Time {
	s := c.streak
	if s.healthy || s.runs == 0 {
		s = streak{since: since}
	}
	at := since
	if missing := c.failAfter.runs - s.runs - 1; missing > 0 {
		at = at.Add(time.Duration(missing) * (c.interval + c.timeout))
	}
	if lasted := s.since.Add(c.failAfter.lasting); lasted.After(at) {
		at = lasted
	}
	return at
}

// settle has a finished run count, and what the clock has said before it ended.
func (c *check) settle(outcome State, now time.Time) {
	c.held = c.standingAt(now)
	healthy := outcome == StateHealthy
	s := c.streak
	if s.runs == 0 || s.healthy != healthy {
		s = streak{healthy: healthy, since: now}
	}
	if _, since := c.overdue(now); !healthy && !since.IsZero() {
		if s.runs == 0 {
			s.since = since
		}
		s.runs += int(now.Sub(since) / (c.interval + c.timeout))
	}
	s.runs++
	s.last = now
	c.streak = s
	switch {
	case !healthy && (c.held.failing() || c.failAfter.reached(s)),
		healthy && (!c.held.failing() || c.recoverAfter.reached(s)):
		c.held = c.held.turn(outcome, now)
	}
}
