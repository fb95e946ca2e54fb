package health

import "time"

// Result is what is known about one check at one moment.
type Result struct {
	Name    string
	State   State // changes when [FailAfter] or [RecoverAfter] says so
	Healthy bool  // State == StateHealthy
	Decides Probe // beside /health

	// Since is when State began; zero before Start.
	Since time.Time

	// Changes counts how often the check has turned from healthy to failing or back.
	Changes int64

	// LastRun is when the last run began that has finished or run out of time; zero for
	// none.
	LastRun time.Time

	// Duration is how long that run took, or has taken so far if it hangs.
	Duration time.Duration

	// Age is how long ago that run ended, or ran out of time if it hangs.
	Age time.Duration

	// ConsecutiveFailures counts the runs since the last healthy one, including one
	// that hangs past its limit.
	ConsecutiveFailures int

	// Error is the text of the last run's error, at most 256 bytes, or while
	// [RecoverAfter] is not reached of the last run that failed; empty without
	// [WithErrorDetail].
	Error string
}

// Snapshot returns the state of every check, sorted by name. It runs no check and
// no callback, waits for none, and allocates one slice: fit for every scrape.
// Without checks it is nil.
func (r *Registry) Snapshot() []Result { return r.snapshotAt(time.Now()) }

func (r *Registry) snapshotAt(now time.Time) []Result {
	checks := r.checks()
	if len(checks) == 0 {
		return nil
	}
	results := make([]Result, len(checks))
	for i, c := range checks {
		results[i] = c.shown(now)
	}
	return results
}

// at judges the check by the clock as well as by its last run, so that the result is
// true even when the check's goroutine hangs or is not scheduled.
func (c *check) at(now time.Time) Result {
	c.mu.Lock()
	defer c.mu.Unlock()
	shown := c.standingAt(now)
	r := Result{
		Name: c.name, Decides: c.decides,
		State: shown.state, Healthy: shown.state == StateHealthy, Since: shown.since, Changes: shown.changes,
	}
	if last := c.last; !last.ended.IsZero() {
		r.LastRun = last.began
		r.Duration = last.ended.Sub(last.began)
		r.Age = max(0, now.Sub(last.ended))
		r.ConsecutiveFailures = last.failures
		r.Error = last.text
	}
	if !c.runningSince.IsZero() {
		if running := now.Sub(c.runningSince); running >= c.timeout {
			r.LastRun = c.runningSince
			r.Duration = running
			r.Age = running - c.timeout
			r.ConsecutiveFailures++
			r.Error = ""
		}
	}
	return r
}

// shown is what strangers may see.
func (c *check) shown(now time.Time) Result {
	r := c.at(now)
	if !c.errorDetail {
		r.Error = ""
	}
	return r
}
