package prometheus

import (
	"fmt"
	"net/http"

	"github.com/prometheus/exporter-toolkit/web"

	"github.com/rusmes/otelmail/health"
)

// probes are answered before anything that could refuse them: an orchestrator
// has no password, and must not restart a mail server for want of one.
type probes struct {
	byPath map[string]http.Handler
	rest   http.Handler
}

func newProbes(r *health.Registry) probes {
	return probes{byPath: map[string]http.Handler{
		health.HealthPath: r.HealthHandler(),
		health.ReadyPath:  r.ReadyHandler(),
		health.LivePath:   r.LiveHandler(),
	}}
}

// before returns the probes in front of rest.
func (p probes) before(rest http.Handler) http.Handler {
	p.rest = rest
	return p
}

func (p probes) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if probe, ok := p.byPath[r.URL.Path]; ok {
		probe.ServeHTTP(w, r)
		return
	}
	p.rest.ServeHTTP(w, r)
}

// newRoutes returns all that is served beside the probes.
func (s *Server) newRoutes(path string, metrics http.Handler, c *serverConfig) (http.Handler, error) {
	protect := func(h http.Handler) http.Handler { return h }
	if c.users != nil {
		protect = func(h http.Handler) http.Handler {
			return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { s.protected(c.users, w, r, h) })
		}
	}
	mux := http.NewServeMux()
	links := []web.LandingLinks{{Address: path, Text: "Metrics"}}
	mux.Handle(exactly(path), protect(metrics))
	for _, p := range c.pages {
		if p.path == path {
			return nil, fmt.Errorf("WithPage: %q is not allowed: the metrics are there", p.path)
		}
		mux.Handle(p.path, protect(p.handler))
		links = append(links, web.LandingLinks{Address: p.path, Text: p.path})
	}
	if path == "/" {
		return mux, nil
	}
	for _, probe := range probePaths {
		links = append(links, web.LandingLinks{Address: probe, Text: probe})
	}
	landing, err := web.NewLandingPage(web.LandingConfig{
		Name:      "Mail server telemetry",
		Links:     links,
		Profiling: "false",
	})
	if err != nil {
		return nil, fmt.Errorf("make the page of links: %w", err)
	}
	mux.Handle("GET /{$}", landing)
	return mux, nil
}

// exactly keeps a ServeMux from taking "/" for every path.
func exactly(path string) string {
	if path == "/" {
		return "/{$}"
	}
	return path
}
