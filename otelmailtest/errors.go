package otelmailtest

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
)

// errorStore has what the error handler was told.
type errorStore struct {
	mu    sync.Mutex
	all   []error
	taken int // as many of all were asked for
}

func (e *errorStore) add(err error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if err == nil {
		err = errors.New("an error that is nil")
	}
	e.all = append(e.all, err)
}

func (e *errorStore) list() []error {
	e.mu.Lock()
	defer e.mu.Unlock()
	return slices.Clone(e.all)
}

// take returns what was not asked for yet.
func (e *errorStore) take() []error {
	e.mu.Lock()
	defer e.mu.Unlock()
	rest := slices.Clone(e.all[e.taken:])
	e.taken = len(e.all)
	return rest
}

// Errors asserts that what went wrong in the background, as [otelmail.WithErrorHandler] is told
// of it, is what it is given and nothing else, since New or the last call of Errors: of each
// error a part of its text, in their order.
func (r *Recorder) Errors(parts ...string) {
	r.t.Helper()
	r.holds(func() string {
		r.errors.mu.Lock()
		var got []string
		for _, err := range r.errors.all[r.errors.taken:] {
			got = append(got, err.Error())
		}
		r.errors.mu.Unlock()
		if diff := differ(parts, got, func(want, got string) bool { return strings.Contains(got, want) }); diff != "" {
			return fmt.Sprintf("errors in the background (- wanted, + there):%s", diff)
		}
		return ""
	})
	r.errors.take()
}
