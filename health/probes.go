package health

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
	"time"
)

// Where [Registry.Handler] and [Registry.Mount] serve the probes.
const (
	HealthPath = "/health"
	ReadyPath  = "/ready"
	LivePath   = "/live"
)

// HealthHandler answers 200 and
//
//	{"status":"healthy","checks":{"queue":"healthy","storage":"healthy"}}
//
// when the registry is started and every check is healthy, else 503 with
// "unhealthy" and each check's [State]. Beside these there is "reason" (starting,
// stopped or check) when unhealthy, and "details" about each check. A registry
// without checks is healthy between Start and Stop.
//
// Like its two siblings it takes GET and HEAD, answers others 405, forbids caching,
// and ends its one line of JSON with a newline. OPTIONS is one of the others: a load
// balancer that asks with it would take 204 for "healthy", whatever the checks have found.
func (r *Registry) HealthHandler() http.Handler { return probe(r.health) }

// ReadyHandler answers 200 {"ready":true} when the registry is started, not
// draining or stopped, and every check that decides [Readiness] is healthy. Else it
// answers 503 {"ready":false} with "reason" (draining, starting or check) and, for
// check, the sorted names of the "failing" ones.
func (r *Registry) ReadyHandler() http.Handler { return probe(r.ready) }

// LiveHandler answers 200 {"alive":true}, or 503 {"alive":false} when a check that
// decides [Liveness] fails, hangs or is stale. Without such a check the process is
// alive because it answers.
func (r *Registry) LiveHandler() http.Handler { return probe(r.live) }

// Handler serves the three probes at [HealthPath], [ReadyPath] and [LivePath], and
// answers 404 elsewhere.
func (r *Registry) Handler() http.Handler {
	health, ready, live := r.HealthHandler(), r.ReadyHandler(), r.LiveHandler()
	return http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		switch req.URL.Path {
		case HealthPath:
			health.ServeHTTP(w, req)
		case ReadyPath:
			ready.ServeHTTP(w, req)
		case LivePath:
			live.ServeHTTP(w, req)
		default:
			http.NotFound(w, req)
		}
	})
}

// Mount adds the three probes to mux. The error names the path that mux refuses,
// for example because it is taken; the paths before it are then mounted already.
func (r *Registry) Mount(mux *http.ServeMux) error {
	if mux == nil {
		return fmt.Errorf("health: mount %s: mux is nil: must be an *http.ServeMux", HealthPath)
	}
	for _, at := range []struct {
		path    string
		handler http.Handler
	}{
		{HealthPath, r.HealthHandler()},
		{ReadyPath, r.ReadyHandler()},
		{LivePath, r.LiveHandler()},
	} {
		if err := mount(mux, at.path, at.handler); err != nil {
			return err
		}
	}
	return nil
}

// mount turns the panic by which a ServeMux refuses a pattern into an error.
func mount(mux *http.ServeMux, path string, h http.Handler) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("health: mount %s: must not conflict with another pattern: %v", path, p)
		}
	}()
	mux.Handle(path, h)
	return nil
}

// probe serves what judge says at the moment of each request.
func probe[Body any](judge func(now time.Time) (bool, Body)) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		if req.Method != http.MethodGet && req.Method != http.MethodHead {
			w.Header().Set("Allow", "GET, HEAD")
			answer(w, req, http.StatusMethodNotAllowed, map[string]string{"error": "method not allowed"})
			return
		}
		status := http.StatusServiceUnavailable
		ok, body := judge(time.Now())
		if ok {
			status = http.StatusOK
		}
		answer(w, req, status, body)
	})
}

func answer(w http.ResponseWriter, req *http.Request, status int, body any) {
	line, err := json.Marshal(body)
	if err != nil {
		// Our own types always marshal; should that change, do not answer 200.
		status, line = http.StatusInternalServerError, []byte(`{"error":"cannot encode the answer"}`)
	}
	line = append(line, '\n')
	header := w.Header()
	header.Set("Content-Type", "application/json")
	header.Set("Content-Length", strconv.Itoa(len(line)))
	header.Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	if req.Method != http.MethodHead {
		_, _ = w.Write(line) // a prober that hung up needs no answer
	}
}
