package health

import "time"

// The bodies of the three probes. Dashboards, alerts and orchestrators rely on the
// fields that are not marked as extra: their names and types stay.

type healthBody struct {
	Status string           `json:"status"` // statusHealthy or statusUnhealthy
	Checks map[string]State `json:"checks"`

	// Extra.
	Reason  string            `json:"reason,omitempty"`
	Details map[string]detail `json:"details,omitempty"`
}

const (
	statusHealthy   = "healthy"
	statusUnhealthy = "unhealthy"
)

type readyBody struct {
	Ready bool `json:"ready"`

	// Extra, when not ready.
	Reason  string   `json:"reason,omitempty"`
	Failing []string `json:"failing,omitempty"`
}

type liveBody struct {
	Alive bool `json:"alive"`
}

// Why a probe says no.
const (
	reasonStarting = "starting" // not started, or a first run is not finished
	reasonDraining = "draining" // Drain or Stop was called
	reasonStopped  = "stopped"  // the checks no longer run
	reasonCheck    = "check"    // a check fails
)

type detail struct {
	ConsecutiveFailures int        `json:"consecutive_failures"`
	Decides             []string   `json:"decides,omitempty"`
	LastRun             *runDetail `json:"last_run,omitempty"`
	Error               string     `json:"error,omitempty"`
}

type runDetail struct {
	Began           time.Time `json:"began"` // UTC
	DurationSeconds float64   `json:"duration_seconds"`
	AgeSeconds      float64   `json:"age_seconds"` // see Result.Age
}

func detailOf(r Result) detail {
	d := detail{
		ConsecutiveFailures: r.ConsecutiveFailures,
		Decides:             r.Decides.names(),
		Error:               r.Error,
	}
	if !r.LastRun.IsZero() {
		d.LastRun = &runDetail{
			Began:           r.LastRun.UTC(),
			DurationSeconds: r.Duration.Seconds(),
			AgeSeconds:      r.Age.Seconds(),
		}
	}
	return d
}
