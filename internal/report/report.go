// Package report passes on what goes wrong in the background: the first error at
// once, then at most one a minute with the number of those held back, so that a
// receiver that is away for a night, or a stranger, does not fill the log.
package report

import (
	"fmt"
	"sync"
	"time"
)

// every is the least time between two reports of one kind.
const every = time.Minute

// Reporter limits reports. It is safe for concurrent use.
type Reporter struct {
	handle func(error)
	text   func(error) string

	mu    sync.Mutex
	kinds map[string]*kind
}

type kind struct {
	last time.Time
	held int
}

// New returns a Reporter that gives handle errors in the words of text.
func New(handle func(error), text func(error) string) *Reporter {
	return &Reporter{handle: handle, text: text, kinds: make(map[string]*kind)}
}

// Report passes err on, unless another one of that kind was passed on less than a
// minute ago. Kinds must be few: they are kept for ever.
func (r *Reporter) Report(of string, err error) {
	held, due := r.due(of, time.Now())
	if !due {
		return
	}
	text := r.text(err)
	if held > 0 {
		text += fmt.Sprintf(" (%d more since the last report)", held)
	}
	r.handle(&Error{Text: text, Cause: err})
}

func (r *Reporter) due(of string, now time.Time) (held int, due bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	k := r.kinds[of]
	if k == nil {
		k = &kind{}
		r.kinds[of] = k
	}
	if !k.last.IsZero() && now.Sub(k.last) < every {
		k.held++
		return 0, false
	}
	held = k.held
	k.last, k.held = now, 0
	return held, true
}

// Error has a text that is fit for a log and keeps the cause for errors.Is.
type Error struct {
	Text  string
	Cause error
}

func (e *Error) Error() string { return e.Text }
func (e *Error) Unwrap() error { return e.Cause }
