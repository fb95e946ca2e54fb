package prometheus

import (
	"path"
	"regexp"
	"slices"
	"strings"

	"github.com/rusmes/otelmail/health"
	"github.com/rusmes/otelmail/internal/settings"
)

// readPath applies option, then the environment.
func readPath(option string, env *settings.Env) string {
	if option != "" {
		return option
	}
	v, name := env.String(settings.MetricsPath)
	if why := wrongPath(v); why != "" {
		env.Fail(settings.MetricsPath, name, v, why)
		return settings.MetricsPath.Default
	}
	return v
}

// plainPath keeps out what has a special meaning in a pattern of http.ServeMux ({, a
// space) or in HTML.
var plainPath = regexp.MustCompile(`^/[A-Za-z0-9._~/-]*$`)

var probePaths = []string{health.HealthPath, health.ReadyPath, health.LivePath}

// wrongPath returns what is allowed if p is not, else "".
func wrongPath(p string) string {
	switch {
	case !plainPath.MatchString(p) || path.Clean(p) != p:
		return settings.MetricsPath.Wants()
	case slices.Contains(probePaths, p):
		return "a path other than the probes' " + strings.Join(probePaths, ", ")
	}
	return ""
}

// wrongPagePath is wrongPath for an added page, which may end in "/" but not be "/".
func wrongPagePath(p string) string {
	if p == "/" {
		return `a path other than "/", where the page of links is`
	}
	return wrongPath(strings.TrimSuffix(p, "/"))
}
