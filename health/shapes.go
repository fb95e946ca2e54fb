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
	*more
	ConsecutiveFailures int        `json:"consecutive_failures"`
	Decides             []string   `json:"decides,omitempty"`
	LastRun             *runDetail `json:"last_run,omitempty"`
	Error               string     `json:"error,omitempty"`
}

// more is what ?verbose adds.
type more struct {
	State      State      `json:"state"`
	Since      *time.Time `json:"since,omitempty"`       // UTC; absent before Start
	ForSeconds float64    `json:"for_seconds,omitempty"` // since then
	Changes    int64      `json:"changes"`               // see Result.Changes
	Groups     []string   `json:"groups,omitempty"`
}

func moreOf(r Result, groups []string, now time.Time) *more {
	m := &more{State: r.State, Changes: r.Changes, Groups: groups}
	if !r.Since.IsZero() {
		since := r.Since.UTC()
		m.Since, m.ForSeconds = &since, max(0, now.Sub(since).Seconds())
	}
	return m
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
