package demo

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"time"
)

// With --trouble the demo is well until somebody wants to see it ill: what dashboards, alerts
// and probes look like then, and that this ends with the trouble. Each is real, in the demo's
// own parts or made by its clients. No series is set.

// day is what certificates are measured in.
const day = 24 * time.Hour

// certificateValid is how long the first certificate is valid. Ten days are soon: see
// certificate_not_after_timestamp_seconds.
func (c Config) certificateValid() time.Duration {
	if c.Trouble == "" {
		return 10 * day
	}
	return 90 * day
}

// addresses are ours. 127.0.0.13 is on the block list.
func (c Config) addresses() []netip.Addr {
	ours := []netip.Addr{netip.AddrFrom4([4]byte{127, 0, 0, 1})}
	if c.Trouble == "" {
		ours = append(ours, netip.AddrFrom4([4]byte{127, 0, 0, 13}))
	}
	return ours
}

// schedule is the built-in traffic, with --trouble without what is trouble itself.
func (c Config) schedule() []client {
	if c.Trouble == "" {
		return schedule
	}
	return slices.DeleteFunc(slices.Clone(schedule), func(c client) bool {
		return c.name == stolen.name || c.name == odd.name || c.name == legacy.name || c.name == tooMany.name
	})
}

// trouble is something that goes wrong.
type trouble struct {
	name, says string
	// begin has it go wrong until end is called. An error says why it cannot, and leaves
	// all as it was.
	begin func(context.Context) (end func() error, err error)
}

// troubles is the switch.
type troubles struct {
	all    []trouble
	server *http.Server
	loop   sync.WaitGroup

	mu      sync.Mutex
	ends    map[string]func() error // of those that are on
	stopped bool
}

// newTroubles has the switch listen, where the demo has it.
func newTroubles(d *Demo) *troubles {
	t := &troubles{all: d.kindsOfTrouble(), ends: map[string]func() error{}}
	if l := d.ports.trouble; l != nil {
		t.server = &http.Server{Handler: t.handler(), ReadHeaderTimeout: 10 * time.Second}
		t.loop.Go(func() { _ = t.server.Serve(l) }) // ends when it is closed
	}
	return t
}

// on begins a trouble; it is no error if it is on.
func (t *troubles) on(ctx context.Context, which trouble) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	switch {
	case t.ends[which.name] != nil:
		return nil
	case t.stopped:
		return errors.New("the demo is stopping")
	}
	end, err := which.begin(ctx)
	if err != nil {
		return fmt.Errorf("begin %s: %w", which.name, err)
	}
	t.ends[which.name] = end
	return nil
}

// off ends a trouble; it is no error if it is off. After another error it is still on.
func (t *troubles) off(which trouble) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	end := t.ends[which.name]
	if end == nil {
		return nil
	}
	if err := end(); err != nil {
		return fmt.Errorf("end %s: %w", which.name, err)
	}
	delete(t.ends, which.name)
	return nil
}

// stop ends all trouble, and none begins any more.
func (t *troubles) stop() error {
	if t.server != nil {
		_ = t.server.Close()
		t.loop.Wait()
	}
	t.mu.Lock()
	t.stopped = true
	t.mu.Unlock()
	var errs []error
	for _, which := range t.all {
		errs = append(errs, t.off(which))
	}
	return errors.Join(errs...)
}

// handler answers in plain text, for people with curl.
func (t *troubles) handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /trouble", func(w http.ResponseWriter, _ *http.Request) {
		for _, which := range t.all {
			fmt.Fprintf(w, "%-3s  %-11s  %s\n", t.state(which), which.name, which.says)
		}
	})
	mux.HandleFunc("PUT /trouble/{name}", t.change(func(r *http.Request, which trouble) error { return t.on(r.Context(), which) }))
	mux.HandleFunc("DELETE /trouble/{name}", t.change(func(_ *http.Request, which trouble) error { return t.off(which) }))
	mux.HandleFunc("/", func(w http.ResponseWriter, _ *http.Request) {
		http.Error(w, "want GET /trouble for what can go wrong, PUT /trouble/NAME to begin it, or DELETE /trouble/NAME to end it", http.StatusNotFound)
	})
	return mux
}

func (t *troubles) change(do func(*http.Request, trouble) error) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		name := r.PathValue("name")
		i := slices.IndexFunc(t.all, func(which trouble) bool { return which.name == name })
		if i < 0 {
			http.Error(w, fmt.Sprintf("%.100q is not allowed: want one of %s", name, t.names()), http.StatusNotFound)
			return
		}
		if err := do(r, t.all[i]); err != nil {
			http.Error(w, err.Error(), http.StatusConflict)
			return
		}
		fmt.Fprintf(w, "%s is %s\n", name, t.state(t.all[i]))
	}
}

func (t *troubles) state(which trouble) string {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.ends[which.name] != nil {
		return "on"
	}
	return "off"
}

func (t *troubles) names() string {
	var names []string
	for _, which := range t.all {
		names = append(names, which.name)
	}
	return strings.Join(names, ", ")
}
