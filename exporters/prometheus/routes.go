package prometheus

import (
	"fmt"
	"net/http"
	"strings"

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
	s.protect = func(h http.Handler) http.Handler { return h }
	if c.users != nil {
		s.protect = func(h http.Handler) http.Handler {
			return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { s.protected(c.users, w, r, h) })
		}
	}
	mux := http.NewServeMux()
	links := []string{path}
	mux.Handle(exactly(path), s.protect(metrics))
	for _, p := range c.pages {
		if p.path == path {
			return nil, fmt.Errorf("WithPage: %q is not allowed: the metrics are there", p.path)
		}
		if s.profiles != nil && strings.HasPrefix(p.path, pprofPath) {
			return nil, fmt.Errorf("WithPage: %q is not allowed: the profiles are there", p.path)
		}
		mux.Handle(p.path, s.protect(p.handler))
		links = append(links, p.path)
	}
	if s.profiles != nil {
		mux.Handle(pprofPath, s.protect(s.pprofPage(c)))
		links = append(links, pprofPath)
	}
	if path != "/" {
		s.front = newFrontPage(append(links, probePaths...))
		mux.Handle("/", s.front)
	}
	return mux, nil
}

// exactly keeps a ServeMux from taking "/" for every path.
func exactly(path string) string {
	if path == "/" {
		return "/{$}"
	}
	return path
}
