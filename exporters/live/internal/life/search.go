package life

import (
	"cmp"
	"context"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"
	"time"

	semconv "go.opentelemetry.io/otel/semconv/v1.43.0"

	"github.com/rusmes/otelmail/mailconv"
)

// Query is what is searched for.
type Query struct {
	// Text is a queue id, a message id with or without its angle brackets, an address, a
	// user's name, a trace id, or a hash as it stands in telemetry. It is kept nowhere.
	Text string
	// Limit is how many messages to return, the newest first; 0 is [DefaultLimit], and more
	// than [MaxLimit] is that.
	Limit int
}

// The bounds of a search.
const (
	DefaultLimit = 20
	MaxLimit     = 100
	MaxText      = 1000   // bytes of Query.Text
	mostEvents   = 100    // of no message
	mostOfOne    = 2_000  // events of one message
	mostRead     = 50_000 // events
	mostSteps    = 2_000  // of all messages, beside those of the last
)

// Result is what was found.
type Result struct {
	// Messages are the newest first.
	Messages []Life `json:"messages"`
	// Events are of no message, the newest first: refusals and failed logins.
	Events []Step `json:"events"`
	// More says that older messages or events were left out.
	More bool `json:"more"`
	// Note says in a sentence what could not be searched for.
	Note  string `json:"note,omitempty"`
	Reach Reach  `json:"reach"`
}

// Search finds messages. Its error never holds what was searched for.
func (s *Store) Search(ctx context.Context, q Query) (Result, error) {
	terms, note := s.termsFor(q.Text)
	limit := min(cmp.Or(max(q.Limit, 0), DefaultLimit), MaxLimit)
	result, err := read(ctx, s, func(ctx context.Context, v view) (Result, error) {
		f := finder{ctx: ctx, view: v, now: time.Now()}
		return f.search(terms, limit), ctx.Err()
	})
	if err != nil {
		return Result{}, err
	}
	result.Reach = s.Reach()
	if note == "" && result.Reach.HashedFrom != nil {
		note = "Addresses and message ids are found from " + result.Reach.HashedFrom.Format(time.RFC3339) + " on: before that the hash key was another one."
	}
	result.Note = note
	return result, nil
}

// termsFor is what a text may stand for.
func (s *Store) termsFor(text string) (terms []term, note string) {
	text = strings.TrimSpace(text)
	if text == "" || len(text) > MaxText {
		return nil, ""
	}
	terms = append(terms, term{semconv.MessagingMessageIDKey, text})
	if id, err := hex.DecodeString(text); err == nil && len(id) == 16 {
		terms = append(terms, term{traceTerm, string(id)})
	}
	bare := strings.TrimSuffix(strings.TrimPrefix(text, "<"), ">")
	forms := []string{text} // a hash that was seen on a span, or what PrivacyFull leaves as it is
	for _, t := range []string{text, bare, "<" + bare + ">"} {
		forms = append(forms, s.Forms(t)...)
	}
	slices.Sort(forms)
	for _, form := range slices.Compact(forms) {
		for _, key := range termKeys[1:] {
			terms = append(terms, term{key, form})
		}
	}
	if len(s.Forms(text)) == 0 {
		note = "Only queue ids and trace ids are found: the privacy policy leaves addresses and message ids out of telemetry."
	}
	return terms, note
}

// finder is a search under way.
type finder struct {
	view
	ctx  context.Context
	now  time.Time
	read int // events, so far
}

// exhausted reports whether the search has taken as much as it may.
func (f *finder) exhausted() bool { return f.read >= mostRead || f.ctx.Err() != nil }

// each calls found with the events of a shelf that have one of the terms, the newest first,
// until it returns false.
func (f *finder) each(shelf int, terms []term, found func(*event) bool) {
	hashes := hashesOf(terms)
	var at []int
	for _, s := range f.shelves[shelf] {
		at = at[:0]
		f.find(s, hashes, func(i int) bool {
			at = append(at, i)
			return len(at) < mostRead
		})
		slices.SortFunc(at, func(a, b int) int { return b - a })
		for _, i := range slices.Compact(at) {
			if f.exhausted() {
				return
			}
			f.read++
			e, err := s.event(i)
			if err != nil || e.time.Before(f.horizon) || !slices.ContainsFunc(terms, e.is) {
				continue
			}
			if !found(&e) {
				return
			}
		}
	}
}

func (f *finder) search(terms []term, limit int) Result {
	r := Result{Messages: []Life{}, Events: []Step{}}
	var ids []string
	known := map[string]bool{}
	hits := map[string][]time.Time{}
	f.each(ofMessages, terms, func(e *event) bool {
		id := e.text(semconv.MessagingMessageIDKey)
		hits[id] = append(hits[id], e.time)
		if known[id] {
			return true
		}
		if len(ids) == limit {
			r.More = true
			return false
		}
		known[id] = true
		ids = append(ids, id)
		return true
	})
	f.each(ofNoMessage, terms, func(e *event) bool {
		if len(r.Events) == mostEvents {
			r.More = true
			return false
		}
		r.Events = append(r.Events, stepOf(e))
		return true
	})
	steps := 0
	for _, id := range ids {
		if steps >= mostSteps {
			r.More = true
			break
		}
		for _, events := range f.lives(id) {
			if !slices.ContainsFunc(hits[id], func(t time.Time) bool { return covers(events, t) }) {
				continue
			}
			l := f.life(events)
			steps += len(l.Steps)
			r.Messages = append(r.Messages, l)
		}
	}
	r.More = r.More || f.exhausted()
	return r
}

// covers reports whether one of the events is of that time.
func covers(events []event, t time.Time) bool {
	return slices.ContainsFunc(events, func(e event) bool { return e.time.Equal(t) })
}

// lives are the events of the messages that have had a queue id, the newest message first, in
// the order in which they were recorded: by their time they would not be what happened, if the
// clock was set back in between. A server may use an id again once the message is gone: each
// message is queued once.
func (f *finder) lives(id string) (lives [][]event) {
	var all []event
	f.each(ofMessages, []term{{semconv.MessagingMessageIDKey, id}}, func(e *event) bool {
		all = append(all, *e)
		return len(all) < mostOfOne
	})
	slices.Reverse(all)
	begun, queued := 0, false
	for i := range all {
		if all[i].name != mailconv.EventQueued {
			continue
		}
		if queued {
			lives = append(lives, all[begun:i])
			begun = i
		}
		queued = true
	}
	if len(all) > 0 {
		lives = append(lives, all[begun:])
	}
	slices.Reverse(lives)
	return lives
}

// life is what the events say, with the bounce that belongs to it.
func (f *finder) life(events []event) Life {
	l := lifeOf(events, f.now)
	f.tie(&l, events)
	return l
}

// tie finds the bounce of a message, or the message of a bounce. A bounce has no sender, goes to
// the sender of what has bounced, and is queued in its trace just before the event that says
// so.
func (f *finder) tie(l *Life, events []event) {
	last := &events[len(events)-1]
	if !last.trace.IsValid() {
		return
	}
	trace := []term{{traceTerm, string(last.trace[:])}}
	var nearest time.Duration
	near := func(id *string, of string, apart time.Duration) {
		if apart = apart.Abs(); *id == "" || apart < nearest {
			*id, nearest = of, apart
		}
	}
	if i := slices.IndexFunc(events, func(e event) bool { return e.name == mailconv.EventBounced }); i >= 0 {
		f.each(ofMessages, trace, func(e *event) bool {
			if id := e.text(semconv.MessagingMessageIDKey); id != l.QueueID && e.name == mailconv.EventQueued && isBounceTo(e, &events[i]) {
				near(&l.Bounce, id, e.time.Sub(events[i].time))
			}
			return true
		})
	}
	if i := slices.IndexFunc(events, func(e event) bool { return e.name == mailconv.EventQueued }); i >= 0 && isBounce(&events[i]) {
		f.each(ofMessages, trace, func(e *event) bool {
			if id := e.text(semconv.MessagingMessageIDKey); id != l.QueueID && e.name == mailconv.EventBounced && isBounceTo(&events[i], e) {
				near(&l.BounceOf, id, e.time.Sub(events[i].time))
			}
			return true
		})
	}
	if l.BounceOf != "" {
		l.Text = fmt.Sprintf("A bounce, about %s. ", l.BounceOf) + l.Text
	}
}

// isBounce reports whether a message may be a bounce: it has no sender.
func isBounce(queued *event) bool {
	return queued.text(mailconv.FromHashKey) == "" && queued.text(mailconv.FromDomainKey) == ""
}

// isBounceTo reports whether the message that was queued may be the bounce of another.
func isBounceTo(queued, bounced *event) bool {
	to := queued.text(mailconv.ToHashKey)
	return isBounce(queued) && to != "" && to == bounced.text(mailconv.FromHashKey)
}
