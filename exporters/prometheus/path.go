package prometheus

import (
	"path"
	"regexp"
	"slices"
	"strings"

	"github.com/rusmes/otelmail/health"
	"github.com/rusmes/otelmail/internal/settings"
)

const (
	envPath     = "RUSMES_METRICS_PATH"
	envEnabled  = "RUSMES_METRICS_ENABLED"
	defaultPath = "/metrics"
)

// readPath applies option, then RUSMES_METRICS_PATH.
func readPath(option string, env *settings.Env) string {
	v, _ := env.String(envPath)
	if v != "" {
		if why := wrongPath(v); why != "" {
			env.Fail(envPath, v, why)
		}
	}
	switch {
	case option != "":
		return option
	case v != "":
		return v
	}
	return defaultPath
}

// plainPath keeps out what would mean something to http.ServeMux ({, a space) or
// to HTML.
var plainPath = regexp.MustCompile(`^/[A-Za-z0-9._~/-]*$`)

var probePaths = []string{health.HealthPath, health.ReadyPath, health.LivePath}

// wrongPath says what is allowed if p is not.
func wrongPath(p string) string {
	switch {
	case !plainPath.MatchString(p) || path.Clean(p) != p:
		return `a path that starts with "/", of letters, digits and - . _ ~ /, without "//", "/./" or a "/" at its end`
	case slices.Contains(probePaths, p):
		return "a path other than the probes' " + strings.Join(probePaths, ", ")
	}
	return ""
}

// wrongPagePath says what is allowed for an added page if p is not: a "/" at the
// end, but not "/" itself.
func wrongPagePath(p string) string {
	if p == "/" {
		return `a path other than "/", where the page of links is`
	}
	return wrongPath(strings.TrimSuffix(p, "/"))
}
