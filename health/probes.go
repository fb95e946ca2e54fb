package health

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
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
// /health?verbose adds to each check's details its state, since when and for how long it has
// been in it, how often it has changed and its groups, on lines that people can read. With
// /health?group=NAME only the checks of that group count and are shown ([Groups]); several
// may be named. A group in which no check is, is answered with 404 and an "error" that names
// those there are; a value of verbose other than true and false, with 400.
//
// Like its two siblings it takes GET and HEAD, answers others 405, forbids caching,
// and ends its one line of JSON with a newline. OPTIONS is one of the others: a load
// balancer that asks with it would take 204 for "healthy", whatever the checks have found.
func (r *Registry) HealthHandler() http.Handler {
	return probe(func(now time.Time, query url.Values) reply {
		verbose, err := isVerbose(query)
		if err != nil {
			return refusal(http.StatusBadRequest, err)
		}
		checks, err := inGroups(r.checks(), query)
		if err != nil {
			return refusal(http.StatusNotFound, err)
		}
		ok, body := r.health(now, checks, verbose)
		answer := verdictReply(ok, body)
		answer.indented = verbose
		return answer
	})
}

// isVerbose reads ?verbose and ?verbose=true.
func isVerbose(query url.Values) (bool, error) {
	if !query.Has("verbose") {
		return false, nil
	}
	switch value := query.Get("verbose"); value {
	case "", "true", "1":
		return true, nil
	case "false", "0":
		return false, nil
	default:
		return false, fmt.Errorf("verbose %q: must be true or false", bounded(value))
	}
}

// ReadyHandler answers 200 {"ready":true} when the registry is started, not
// draining or stopped, and every check that decides [Readiness] is healthy. Else it
// answers 503 {"ready":false} with "reason" (draining, starting or check) and, for
// check, the sorted names of the "failing" ones.
func (r *Registry) ReadyHandler() http.Handler {
	return probe(func(now time.Time, _ url.Values) reply { return verdictReply(r.ready(now)) })
}

// LiveHandler answers 200 {"alive":true}, or 503 {"alive":false} when a check that
// decides [Liveness] fails, hangs or is stale. Without such a check the process is
// alive because it answers.
func (r *Registry) LiveHandler() http.Handler {
	return probe(func(now time.Time, _ url.Values) reply { return verdictReply(r.live(now)) })
}

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

// Mount adds the three probes to mux, beside whatever patterns it has, "GET /" and "/" too. The
// error names the path that mux refuses, because it is taken; the paths before it are then
// mounted already.
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
	if _, pattern := mux.Handler(&http.Request{Method: http.MethodGet, URL: &url.URL{Path: path}}); pattern == path {
		return fmt.Errorf("health: mount %s: the path must not be taken", path)
	}
	// A pattern without a method would conflict with "GET /". The probes answer 405 to all methods but GET, which is HEAD
	// too: what "/" answers to them says nothing of health.
	for _, method := range []string{http.MethodGet, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete, http.MethodOptions, http.MethodConnect, http.MethodTrace} {
		mux.Handle(method+" "+path, h)
	}
	return nil
}

// reply is what a probe answers.
type reply struct {
	status   int
	body     any
	indented bool
}

func verdictReply[Body any](ok bool, body Body) reply {
	if ok {
		return reply{status: http.StatusOK, body: body}
	}
	return reply{status: http.StatusServiceUnavailable, body: body}
}

func refusal(status int, err error) reply {
	return reply{status: status, body: map[string]string{"error": err.Error()}}
}

// probe serves what judge says at the moment of each request.
func probe(judge func(now time.Time, query url.Values) reply) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		if req.Method != http.MethodGet && req.Method != http.MethodHead {
			w.Header().Set("Allow", "GET, HEAD")
			answer(w, req, reply{status: http.StatusMethodNotAllowed, body: map[string]string{"error": "method not allowed"}})
			return
		}
		answer(w, req, judge(time.Now(), req.URL.Query()))
	})
}

func answer(w http.ResponseWriter, req *http.Request, r reply) {
	text, err := json.Marshal(r.body)
	if r.indented {
		text, err = json.MarshalIndent(r.body, "", "  ")
	}
	status := r.status
	if err != nil {
		// Our own types always marshal; should that change, do not answer 200.
		status, text = http.StatusInternalServerError, []byte(`{"error":"cannot encode the answer"}`)
	}
	text = append(text, '\n')
	header := w.Header()
	header.Set("Content-Type", "application/json")
	header.Set("Content-Length", strconv.Itoa(len(text)))
	header.Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	if req.Method != http.MethodHead {
		_, _ = w.Write(text) // a prober that hung up needs no answer
	}
}
