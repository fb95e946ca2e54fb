package rules

import (
	"strings"

	"github.com/rusmes/otelmail/catalog"
	"github.com/rusmes/otelmail/cmd/otelmail/internal/series"
)

// query makes expressions.
type query struct {
	scope series.Scope
	job   string
}

// increase is how much a counter has grown within the window, summed.
func (q query) increase(m catalog.Metric, window, by string, matchers ...string) string {
	return "sum by (" + by + ") (" + q.scope.Grown(m, q.scope.Select(m, matchers...), window) + ")"
}

// target is a series that is not ours: of the job, or of whatever shows our series too.
func (q query) target(name string) string {
	if q.job == "" {
		return name
	}
	return name + "{" + q.scope.Matchers + "}"
}

// ours keeps of expr what is of a mail server: now, or for up, which stays when the others
// go, within the last week.
func (q query) ours(expr, window string) string {
	if q.job != "" {
		return expr
	}
	build := q.scope.Select(series.BuildInfo)
	if window != "" {
		build = "last_over_time(" + build + "[" + window + "])"
	}
	return "(" + expr + ")\nand on (job, instance) " + build
}

func lines(parts ...string) string { return strings.Join(parts, "\n") }
