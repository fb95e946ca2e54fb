package live

import (
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/http"
	"path"
	"strings"
	"time"

	"github.com/rusmes/otelmail/exporters/live/internal/life"
)

//go:embed assets
var assets embed.FS

// policy lets the page run its own two scripts and speak to its own server, and nothing
// else: no script can be made of a text, wherever it stands.
const policy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; " +
	"base-uri 'none'; form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types 'none'"

// page is what the page is told about itself.
type page struct {
	Links     []string `json:"links"`                // of the server: metrics, probes, further pages
	TraceLink string   `json:"trace_link,omitempty"` // with {trace_id}
}

func newRoutes(s *sampler, v *viewers, store *life.Store, open openSessions, p page) http.Handler {
	mux := http.NewServeMux()
	mux.Handle("GET /{$}", file("index.html"))
	for _, name := range []string{"page.css", "page.js", "icon.svg", "uPlot.iife.min.js", "uPlot.min.css", "uPlot.LICENSE"} {
		mux.Handle("GET /assets/"+name, file(name))
	}
	mux.HandleFunc("GET /api/v1/page", func(w http.ResponseWriter, _ *http.Request) { answer(w, http.StatusOK, p) })
	mux.HandleFunc("GET /api/v1/status", func(w http.ResponseWriter, _ *http.Request) { writeJSON(w, s.statusJSON()) })
	mux.HandleFunc("GET /api/v1/history", s.serveHistory)
	mux.HandleFunc("GET /api/v1/stream", func(w http.ResponseWriter, r *http.Request) { v.stream(s, w, r) })
	mux.HandleFunc("GET /api/v1/sessions", open.serve)
	newMessages(store).register(mux)
	protected := http.NewCrossOriginProtection().Handler(mux)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		for name, value := range map[string]string{
			"Content-Security-Policy": policy, "X-Content-Type-Options": "nosniff", "Referrer-Policy": "no-referrer",
			"Cross-Origin-Resource-Policy": "same-origin", "Cache-Control": "no-store",
		} {
			w.Header().Set(name, value)
		}
		protected.ServeHTTP(w, r)
	})
}

// file serves one of the page's files, again only when it is another.
func file(name string) http.Handler {
	content, err := assets.ReadFile("assets/" + name)
	if err != nil {
		panic(err) // it is compiled in
	}
	sum := sha256.Sum256(content)
	tag := `"` + hex.EncodeToString(sum[:8]) + `"`
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Cache-Control", "no-cache")
		w.Header().Set("ETag", tag)
		if path.Ext(name) == ".LICENSE" {
			w.Header().Set("Content-Type", "text/plain; charset=utf-8")
		}
		http.ServeContent(w, r, name, time.Time{}, strings.NewReader(string(content)))
	})
}

func (s *sampler) statusJSON() []byte {
	s.mu.Lock()
	latest := s.latest
	s.mu.Unlock()
	b, err := json.Marshal(latest)
	if err != nil {
		panic(err) // it has numbers that JSON has, see optional
	}
	return b
}

func (s *sampler) serveHistory(w http.ResponseWriter, r *http.Request) {
	kept := &s.history.hour
	switch of := r.URL.Query().Get("range"); of {
	case "hour", "":
	case "day":
		kept = &s.history.day
	default:
		refuse(w, http.StatusBadRequest, "range: want hour or day")
		return
	}
	s.mu.Lock()
	newest, _ := kept.back(0)
	s.mu.Unlock()
	s.columns.serve(w, r, fmt.Sprint(kept.step, " at ", newest.at), func() ([]byte, error) {
		s.mu.Lock()
		all, step := kept.all(), kept.step
		s.mu.Unlock()
		return columns(step, all), nil
	})
}

const jsonType = "application/json"

func writeJSON(w http.ResponseWriter, b []byte) {
	w.Header().Set("Content-Type", jsonType)
	_, _ = w.Write(b) // the client has left, if it fails
}

func unavailable(w http.ResponseWriter, why string) {
	w.Header().Set("Retry-After", "5")
	refuse(w, http.StatusServiceUnavailable, why)
}
