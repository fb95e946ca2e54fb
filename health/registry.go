package health

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// Registry holds the checks of one process and what is known about them. All
// methods may be called at any time from any goroutine. Make one with [New].
type Registry struct {
	errorDetail bool

	// list is sorted by name and replaced whole, so that probes read it without a
	// lock.
	list atomic.Pointer[[]*check]

	started  atomic.Bool
	draining atomic.Bool
	stopped  atomic.Pointer[time.Time]

	mu      sync.Mutex // guards what follows, and every replacement of list
	ctx     context.Context
	cancel  context.CancelFunc
	detach  func() bool // from the context given to Start
	leaving map[string]<-chan struct{}

	watchers atomic.Pointer[[]*watcher] // replaced whole, as list is
}

// New returns a registry without checks. It is not ready, and not healthy, until
// Start: a process that has tested nothing has nothing good to report.
func New(opts ...Option) *Registry {
	r := &Registry{}
	for _, o := range opts {
		if o != nil {
			o.applyRegistry(r)
		}
	}
	return r
}

// Register adds a check. Before Start it waits for Start; after Start its first run
// begins at once, in the background. The function gets a context that ends after
// the check's time limit, and at Stop and Unregister; it returns nil when all is
// well. It is never run twice at the same time.
//
// The name has 1 to 64 characters: a-z, A-Z, 0-9, and after the first one also _, -
// and a dot. An error names the check, what is wrong with it and what is allowed;
// nothing is then registered. A name already in use is an error, and so is any
// check after Stop.
func (r *Registry) Register(name string, fn func(ctx context.Context) error, opts ...CheckOption) error {
	c, err := newCheck(name, fn, opts)
	if err == nil {
		c.errorDetail = r.errorDetail
		err = r.add(c)
	}
	if err != nil {
		return fmt.Errorf("health: register check %q: %w", bounded(name), err)
	}
	return nil
}

func (r *Registry) add(c *check) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.stopped.Load() != nil {
		return errors.New("the registry is stopped: register before Stop")
	}
	checks := r.checks()
	at, taken := find(checks, c.name)
	if taken {
		return errors.New("name is already registered: must be unique")
	}
	maps.DeleteFunc(r.leaving, func(_ string, done <-chan struct{}) bool { return isClosed(done) })
	if done, ok := r.leaving[c.name]; ok {
		c.previous = done
	}
	if r.started.Load() {
		c.launch(r.ctx, r.changed)
	}
	checks = slices.Insert(slices.Clone(checks), at, c)
	r.list.Store(&checks)
	return nil
}

// Unregister removes a check from every probe at once, cancels its run, and does
// not wait for it. It reports whether there was such a check. If a check of the
// same name is registered again, its first run waits until the old one's last run
// has returned.
func (r *Registry) Unregister(name string) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	checks := r.checks()
	at, found := find(checks, name)
	if !found {
		return false
	}
	if c := checks[at]; c.done != nil {
		c.cancel()
		r.remember(c)
	}
	checks = slices.Delete(slices.Clone(checks), at, at+1)
	r.list.Store(&checks)
	return true
}

// remember keeps the channel that closes when the last run under this name has returned:
// c's own run, unless c was still waiting for its predecessor's; being cancelled, it
// will not begin one.
func (r *Registry) remember(c *check) {
	if r.leaving == nil {
		r.leaving = make(map[string]<-chan struct{})
	}
	if c.previous != nil && !isClosed(c.previous) {
		r.leaving[c.name] = c.previous
		return
	}
	r.leaving[c.name] = c.done
}

// checks returns the list as it is now. It must not be changed.
func (r *Registry) checks() []*check {
	if list := r.list.Load(); list != nil {
		return *list
	}
	return nil
}

func find(checks []*check, name string) (int, bool) {
	return slices.BinarySearchFunc(checks, name, func(c *check, name string) int {
		return strings.Compare(c.name, name)
	})
}

func isClosed(done <-chan struct{}) bool {
	select {
	case <-done:
		return true
	default:
		return false
	}
}
