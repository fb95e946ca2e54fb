package health

import "time"

// Result is what is known about one check at one moment.
type Result struct {
	Name    string
	State   State
	Healthy bool  // State == StateHealthy
	Decides Probe // beside /health

	// LastRun is when the run behind State began; zero while none has finished or
	// run out of time.
	LastRun time.Time

	// Duration is how long that run took, or has taken so far if it hangs.
	Duration time.Duration

	// Age is how long ago State was determined: when the run ended, or when it ran
	// out of time if it hangs.
	Age time.Duration

	// ConsecutiveFailures counts the runs since the last healthy one, including one
	// that hangs past its limit.
	ConsecutiveFailures int

	// Error is the text of the last run's error, at most 256 bytes; empty without
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
		results[i] = c.at(now)
	}
	return results
}

// at judges the check by the clock as well as by its last run, so that the result is
// true even when the check's goroutine hangs or is not scheduled.
func (c *check) at(now time.Time) Result {
	c.mu.Lock()
	defer c.mu.Unlock()
	r := Result{Name: c.name, State: StateStarting, Decides: c.decides}
	if last := c.last; !last.ended.IsZero() {
		r.State = last.state
		r.LastRun = last.began
		r.Duration = last.ended.Sub(last.began)
		r.Age = max(0, now.Sub(last.ended))
		r.ConsecutiveFailures = last.failures
		r.Error = last.text
		if r.State == StateHealthy && r.Age >= c.interval+c.timeout {
			r.State = StateStale
		}
	}
	if !c.runningSince.IsZero() {
		if running := now.Sub(c.runningSince); running >= c.timeout {
			r.State = StateTimeout
			r.LastRun = c.runningSince
			r.Duration = running
			r.Age = running - c.timeout
			r.ConsecutiveFailures++
			r.Error = ""
		}
	}
	r.Healthy = r.State == StateHealthy
	return r
}
