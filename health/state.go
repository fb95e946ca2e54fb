package health

// State is what is known about one check. The set is closed: no other value is
// ever shown. Every state except [StateHealthy] makes /health answer 503, and those of
// failure stay until [RecoverAfter] is reached.
type State string

const (
	// StateStarting means that the check has not finished its first run, and has
	// not run out of time either; or has failed from the start, and less than [FailAfter]
	// asks for.
	StateStarting State = "starting"

	// StateHealthy means that the last run returned nil within its time limit; or that
	// fewer have failed since than [FailAfter] asks for.
	StateHealthy State = "healthy"

	// StateUnhealthy means that the last run returned an error.
	StateUnhealthy State = "unhealthy"

	// StateTimeout means that the run under way is past its time limit, or that
	// the last one was when it returned, whatever it then said.
	StateTimeout State = "timeout"

	// StatePanic means that the last run panicked or ended its goroutine.
	StatePanic State = "panic"

	// StateStale means that the last run was healthy, but longer ago than one
	// interval and one time limit: nobody knows what is true now.
	StateStale State = "stale"
)
