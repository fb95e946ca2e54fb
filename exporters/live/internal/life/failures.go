package life

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/rusmes/otelmail/internal/clean"
)

// MaxFailures is how many failures are returned at most.
const MaxFailures = 500

// Filter chooses among failures: "" takes all.
type Filter struct {
	Event    string // "rejected", "deferred", "failed", "bounced", "expired" or "login_failed"
	Protocol string // "smtp", "lmtp", "imap", "pop3", "jmap" or "local"
	Stage    string // of the dialogue, "rcpt" for example, or of the pipeline
	Reason   string // see docs/fault.md
	Domain   string // of the destination, the recipient or the sender
	Fault    string // "ours" or "theirs"
	Limit    int    // of failures; 0 and more than [MaxFailures] are that
}

// Check is nil, or says which field has a value that none can have.
func (f *Filter) Check() error {
	if f.Event != "" && !failures["email."+f.Event] {
		return errors.New("event: want rejected, deferred, failed, bounced, expired or login_failed")
	}
	if f.Fault != "" && f.Fault != "ours" && f.Fault != "theirs" {
		return errors.New("fault: want ours or theirs")
	}
	if f.Domain != "" && clean.Domain(f.Domain) == clean.OtherDomain && f.Domain != clean.OtherDomain {
		return fmt.Errorf("domain: want a domain, as example.org, or %s", clean.OtherDomain)
	}
	if f.Limit < 0 {
		return fmt.Errorf("limit: want a number from 1 to %d", MaxFailures)
	}
	return nil
}

func (f *Filter) takes(s *Step) bool {
	domain := clean.Domain(f.Domain)
	return (f.Protocol == "" || f.Protocol == s.Protocol) && (f.Stage == "" || f.Stage == s.Stage) &&
		(f.Reason == "" || f.Reason == s.Reason) && (f.Fault == "" || f.Fault == s.Fault) &&
		(f.Domain == "" || domain == s.Domain || domain == s.To.Domain || domain == s.From.Domain)
}

// Failures are the newest failures that the filter takes, the newest first, and the time up
// to which was looked for them; the zero time if that is as far as [Store.Reach] goes.
func (s *Store) Failures(ctx context.Context, f Filter) (found []Step, until time.Time, err error) {
	if err := f.Check(); err != nil {
		return nil, until, fmt.Errorf("live: %w", err)
	}
	limit := min(cmp.Or(f.Limit, MaxFailures), MaxFailures)
	var terms []term
	for name := range failures {
		if f.Event == "" || name == "email."+f.Event {
			terms = append(terms, term{nameTerm, name})
		}
	}
	type result struct {
		steps []Step
		until time.Time
	}
	r, err := read(ctx, s, func(ctx context.Context, v view) (result, error) {
		r := result{steps: []Step{}}
		for shelf := range v.shelves {
			some := finder{ctx: ctx, view: v}
			n := 0
			some.each(shelf, terms, func(e *event) bool {
				if some.exhausted() && e.time.After(r.until) {
					r.until = e.time
				}
				if step := stepOf(e); f.takes(&step) {
					r.steps = append(r.steps, step)
					n++
				}
				return n < limit
			})
		}
		slices.SortStableFunc(r.steps, func(a, b Step) int { return b.Time.Compare(a.Time) })
		r.steps = r.steps[:min(len(r.steps), limit)]
		return r, ctx.Err()
	})
	return r.steps, r.until, err
}
