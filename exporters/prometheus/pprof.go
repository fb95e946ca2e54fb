package prometheus

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"runtime"
	"runtime/pprof"
	"runtime/trace"
	"strconv"
	"strings"
	"time"

	"github.com/rusmes/otelmail/internal/settings"
)

// pprofPath is where "go tool pprof" looks.
const pprofPath = "/debug/pprof/"

const (
	// mostProfiles are made at a time: one of the CPU and one beside it.
	mostProfiles = 2
	// longestProfile is how long a CPU profile or a trace may last.
	longestProfile = 5 * time.Minute
	// sendProfile is how long an answer may take beside.
	sendProfile = time.Minute
)

// profiles serves those of the process. net/http/pprof is not used, because who imports that
// puts the profiles onto [http.DefaultServeMux], which an application may serve to the world. Nor
// is the command line shown, which may hold a password.
type profiles struct {
	places chan struct{}
	ended  context.Context // when the server shuts down
	end    context.CancelFunc
}

func newProfiles() *profiles {
	p := &profiles{places: make(chan struct{}, mostProfiles)}
	p.ended, p.end = context.WithCancel(context.Background())
	return p
}

func (p *profiles) refuse(bind bindAddress) error {
	return fmt.Errorf("WithPprof or %s: strangers could have profiles made on %s: want a password or a client certificate for them, "+
		"with WithBasicAuth or WithWebConfigFile, or an address of this machine alone, such as 127.0.0.1:9090, with WithAddress or %s",
		settings.PprofEnabled.Name(), bind.address, settings.MetricsBindAddress.Name())
}

// pprofPage keeps away whom a name has led here that is not this machine's, where nobody has
// to log in.
func (s *Server) pprofPage(c *serverConfig) http.Handler {
	local := namedLocally(s.profiles)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if s.closed(c) {
			s.profiles.ServeHTTP(w, r)
			return
		}
		local.ServeHTTP(w, r)
	})
}

func (p *profiles) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodGet { // HEAD would make a profile for nothing
		w.Header().Set("Allow", http.MethodGet)
		http.Error(w, http.StatusText(http.StatusMethodNotAllowed), http.StatusMethodNotAllowed)
		return
	}
	name := strings.TrimPrefix(r.URL.Path, pprofPath)
	if name == "" {
		_, _ = io.WriteString(w, profileNames())
		return
	}
	select {
	case p.places <- struct{}{}:
		defer func() { <-p.places }()
	default:
		w.Header().Set("Retry-After", "30")
		http.Error(w, fmt.Sprintf("%d profiles are being made: try again later", mostProfiles), http.StatusServiceUnavailable)
		return
	}
	w.Header().Set("X-Content-Type-Options", "nosniff")
	switch name {
	case "profile":
		p.during(w, r, 30*time.Second, pprof.StartCPUProfile, pprof.StopCPUProfile)
	case "trace":
		p.during(w, r, time.Second, trace.Start, trace.Stop)
	default:
		p.named(w, r, name)
	}
}

// profileNames is the page of them all.
func profileNames() string {
	var b strings.Builder
	b.WriteString("profile?seconds=30\ntrace?seconds=1\n")
	for _, one := range pprof.Profiles() {
		fmt.Fprintf(&b, "%s\n", one.Name())
	}
	return b.String()
}

// during answers with what start and stop have between them. The server's write deadline,
// which is meant for a scrape, begins anew.
func (p *profiles) during(w http.ResponseWriter, r *http.Request, usual time.Duration, start func(io.Writer) error, stop func()) {
	last := usual
	if text := r.URL.Query().Get("seconds"); text != "" {
		seconds, err := strconv.ParseFloat(text, 64)
		if err != nil || !(seconds > 0 && seconds <= longestProfile.Seconds()) { // the negation refuses NaN too
			allowed := fmt.Sprintf("a number above 0, and %v at most", longestProfile.Seconds())
			http.Error(w, settings.Invalid("seconds", text, allowed).Error(), http.StatusBadRequest)
			return
		}
		last = time.Duration(seconds * float64(time.Second))
	}
	if err := http.NewResponseController(w).SetWriteDeadline(time.Now().Add(last + sendProfile)); err != nil {
		http.Error(w, "the time that the profile takes cannot be had: "+err.Error(), http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "application/octet-stream")
	if err := start(w); err != nil { // then nothing is written
		http.Error(w, err.Error(), http.StatusConflict) // another is being made
		return
	}
	defer stop()
	timer := time.NewTimer(last)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-r.Context().Done():
	case <-p.ended.Done():
	}
}

// named answers with a profile of what is now.
func (p *profiles) named(w http.ResponseWriter, r *http.Request, name string) {
	profile := pprof.Lookup(name)
	if profile == nil {
		http.NotFound(w, r)
		return
	}
	query := r.URL.Query()
	if query.Has("seconds") {
		http.Error(w, "seconds is for profile and trace: compare two with go tool pprof -base", http.StatusBadRequest)
		return
	}
	if name == "heap" && query.Get("gc") == "1" {
		runtime.GC()
	}
	kind := "application/octet-stream"
	debug, _ := strconv.Atoi(query.Get("debug"))
	if debug != 0 {
		kind = "text/plain; charset=utf-8"
	}
	w.Header().Set("Content-Type", kind)
	_ = profile.WriteTo(w, debug) // fails when the client has left
}
