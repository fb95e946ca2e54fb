package health

import "fmt"

// Probe is a set of the probes that a check can decide beside /health, which
// every check decides. The values are [Readiness], [Liveness], both joined with |,
// and 0 for neither.
type Probe uint8

const (
	// Readiness says that while the check is not healthy, /ready answers 503 and new work
	// is sent elsewhere.
	Readiness Probe = 1 << iota

	// Liveness says that when the check fails, /live answers 503 and the process is
	// restarted. Use it only for what a restart repairs, such as a deadlocked
	// loop, and not for a database that is down: restarting every server at once
	// makes that outage worse.
	Liveness
)

const allProbes = Readiness | Liveness

// has reports whether p contains every probe of q.
func (p Probe) has(q Probe) bool { return p&q == q }

// names returns what p contains, as written in /health.
func (p Probe) names() []string {
	var names []string
	if p.has(Readiness) {
		names = append(names, "readiness")
	}
	if p.has(Liveness) {
		names = append(names, "liveness")
	}
	return names
}

// Decides says which probes the check decides beside /health. Several values are
// joined. Default: none, because taking a server out of service, or restarting it,
// should be asked for explicitly. Register refuses every value except [Readiness],
// [Liveness], both joined, and 0.
func Decides(probes ...Probe) CheckOption {
	return checkOption(func(c *check) error {
		c.decides = 0
		for _, p := range probes {
			if p&^allProbes != 0 {
				return fmt.Errorf("decides: probe %d: must be Readiness or Liveness", p)
			}
			c.decides |= p
		}
		return nil
	})
}
