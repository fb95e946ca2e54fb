package health

import "time"

// health says whether every part works. Without checks it says "healthy" with an
// empty list of checks while the registry runs: nothing that is checked is broken,
// and the empty list shows how little that means. Before Start and after Stop it
// says "unhealthy" whatever the list, because no check runs.
func (r *Registry) health(now time.Time, checks []*check, verbose bool) (bool, healthBody) {
	results := make([]Result, len(checks))
	body := healthBody{
		Status:  statusUnhealthy,
		Checks:  make(map[string]State, len(checks)),
		Details: make(map[string]detail, len(checks)),
	}
	for i, c := range checks {
		results[i] = c.shown(now)
		body.Checks[c.name] = results[i].State
		d := detailOf(results[i])
		if verbose {
			d.more = moreOf(results[i], c.groups, now)
		}
		body.Details[c.name] = d
	}
	switch {
	case r.stopped.Load() != nil:
		body.Reason = reasonStopped
	case !r.started.Load():
		body.Reason = reasonStarting
	default:
		body.Reason, _ = verdict(results)
	}
	if body.Reason != "" {
		return false, body
	}
	body.Status = statusHealthy
	return true, body
}

// ready says whether new work may be sent here.
func (r *Registry) ready(now time.Time) (bool, readyBody) {
	if r.draining.Load() {
		return false, readyBody{Reason: reasonDraining}
	}
	if !r.started.Load() {
		return false, readyBody{Reason: reasonStarting}
	}
	reason, failing := verdict(deciding(Readiness, r.snapshotAt(now)))
	if reason != "" {
		return false, readyBody{Reason: reason, Failing: failing}
	}
	return true, readyBody{Ready: true}
}

// live says whether the process may go on. A check that is still in its first run
// has shown no reason to restart. After Stop the checks are judged as they were at
// Stop: they grow old because the process is ending.
func (r *Registry) live(now time.Time) (bool, liveBody) {
	if stopped := r.stopped.Load(); stopped != nil {
		now = *stopped
	}
	reason, _ := verdict(deciding(Liveness, r.snapshotAt(now)))
	alive := reason != reasonCheck
	return alive, liveBody{Alive: alive}
}

// verdict returns "" when every check is healthy, else the more serious reason and
// the names of the checks that fail.
func verdict(results []Result) (reason string, failing []string) {
	for _, c := range results {
		switch c.State {
		case StateHealthy:
		case StateStarting:
			if reason == "" {
				reason = reasonStarting
			}
		default:
			reason = reasonCheck
			failing = append(failing, c.Name)
		}
	}
	return reason, failing
}

// deciding keeps the results that decide p, in the same slice.
func deciding(p Probe, results []Result) []Result {
	kept := results[:0]
	for _, c := range results {
		if c.Decides.has(p) {
			kept = append(kept, c)
		}
	}
	return kept
}
