package otlp

import (
	"fmt"
	"strings"
	"sync"
	"time"
)

// reporter passes on what goes wrong in the background: the first error at once,
// then at most one a minute with the number of those held back, so that a
// receiver that is away for a night does not fill the log.
type reporter struct {
	prefix  string // names signal and endpoint
	secrets *strings.Replacer
	handle  func(error)

	mu   sync.Mutex
	last time.Time
	held int
}

// reportEvery is the least time between two reports of one signal.
const reportEvery = time.Minute

func (r *reporter) report(err error) {
	r.mu.Lock()
	now := time.Now()
	if !r.last.IsZero() && now.Sub(r.last) < reportEvery {
		r.held++
		r.mu.Unlock()
		return
	}
	held := r.held
	r.last, r.held = now, 0
	r.mu.Unlock()

	text := r.prefix + ": " + r.text(err)
	if held > 0 {
		text += fmt.Sprintf(" (%d more since the last report)", held)
	}
	r.handle(&deliveryError{text: text, cause: err})
}

// text is err without secrets: a receiver may echo a header in its answer.
func (r *reporter) text(err error) string { return r.secrets.Replace(explain(err)) }

// hide prepares for taking the values of headers out of a text. Short ones are
// left alone: they are no secrets, and would tear words apart.
func hide(headers map[string]string) *strings.Replacer {
	const shortest = 6
	var pairs []string
	add := func(secret string) {
		if len(secret) >= shortest {
			pairs = append(pairs, secret, "…")
		}
	}
	for _, value := range headers {
		add(value)
		if _, credentials, found := strings.Cut(value, " "); found {
			add(credentials) // what follows "Bearer" or "Basic"
		}
	}
	return strings.NewReplacer(pairs...)
}

// deliveryError shows a text that is fit for a log and keeps the cause for
// errors.Is.
type deliveryError struct {
	text  string
	cause error
}

func (e *deliveryError) Error() string { return e.text }
func (e *deliveryError) Unwrap() error { return e.cause }
