package where

import (
	"context"
	"encoding/json"
	"fmt"
	"net/url"
	"slices"
	"sync"
)

// hop is a message at one server.
type hop struct {
	Server  string          `json:"server"`
	Message json.RawMessage `json:"message"`
	message `json:"-"`      // what is read of it
}

// event is of no message: a refusal or a failed login.
type event struct {
	Server string          `json:"server"`
	Event  json.RawMessage `json:"event"`
	step   `json:"-"`      // what is read of it
}

// failure is a server that could not be asked.
type failure struct {
	Server string `json:"server"`
	Error  string `json:"error"`
}

// Found is what the servers know.
type Found struct {
	// Messages are the newest first, each with its hops in order.
	Messages [][]hop   `json:"messages"`
	Events   []event   `json:"events"`
	Notes    []string  `json:"notes,omitempty"`
	Errors   []failure `json:"errors,omitempty"`
}

// Any reports whether something was found.
func (f *Found) Any() bool { return len(f.Messages)+len(f.Events) > 0 }

// mostFollowed bounds the messages that the other servers are asked about, by what was found
// at the first.
const mostFollowed = 20

// Ask asks all servers at once, and those then about the further hops of what was found: a
// queue id is known to one server alone, a trace and a Message-ID are not.
func Ask(ctx context.Context, c *Config) *Found {
	q := &asking{client: newClient(c), found: &Found{Messages: [][]hop{}, Events: []event{}}}
	hops := q.all(ctx, c.Text, nil)
	if len(c.Servers) > 1 {
		known := slices.Clone(hops)
		for _, h := range known[:min(len(known), mostFollowed)] {
			for _, text := range []string{h.TraceID, h.MessageID} {
				if text == "" {
					continue
				}
				for _, further := range q.all(ctx, text, &h) {
					if !slices.ContainsFunc(hops, further.is) {
						hops = append(hops, further)
					}
				}
			}
		}
	}
	q.found.Messages = ordered(hops)
	slices.SortFunc(q.found.Events, func(a, b event) int { return b.Time.Compare(a.Time) })
	return q.found
}

// asking is a search under way.
type asking struct {
	*client
	mu    sync.Mutex
	found *Found
}

// all asks every server, or if of is not nil those where of is not, for hops of the same
// message.
func (q *asking) all(ctx context.Context, text string, of *hop) (hops []hop) {
	answers := make([]answer, len(q.Servers))
	var wg sync.WaitGroup
	for i, server := range q.Servers {
		if of != nil && of.Server == server.String() || q.failed(server) {
			continue
		}
		wg.Go(func() {
			a, err := q.search(ctx, server, text)
			if err != nil {
				q.mu.Lock()
				q.found.Errors = append(q.found.Errors, failure{server.String(), err.Error()})
				q.mu.Unlock()
				return
			}
			answers[i] = a
		})
	}
	wg.Wait()
	for i, a := range answers {
		server := q.Servers[i].String()
		for _, raw := range a.Messages {
			h := hop{Server: server, Message: raw}
			if json.Unmarshal(raw, &h.message) == nil && len(h.Steps) > 0 && (of == nil || h.continues(of)) {
				hops = append(hops, h)
			}
		}
		if of == nil {
			q.note(server, &a)
		}
	}
	return hops
}

// failed reports whether a server could not be asked before.
func (q *asking) failed(server *url.URL) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	return slices.ContainsFunc(q.found.Errors, func(f failure) bool { return f.Server == server.String() })
}

// note takes what a server says besides.
func (q *asking) note(server string, a *answer) {
	for _, raw := range a.Events {
		e := event{Server: server, Event: raw}
		if json.Unmarshal(raw, &e.step) == nil {
			q.found.Events = append(q.found.Events, e)
		}
	}
	say := func(format string, args ...any) {
		q.found.Notes = append(q.found.Notes, server+": "+fmt.Sprintf(format, args...))
	}
	if a.Note != "" {
		say("%s", a.Note)
	}
	if a.More {
		say("There is more than is shown.")
	}
	if a.Reach.Dropped > 0 {
		say("Its disk has not taken %d events.", a.Reach.Dropped)
	}
	switch {
	case len(a.Messages)+len(a.Events) > 0:
	case a.Reach.From == nil:
		say("It knows of no message yet.")
	default:
		say("What it knows begins %s.", shown(*a.Reach.From))
	}
}

// is reports whether two are the same hop.
func (h *hop) is(other hop) bool {
	return h.Server == other.Server && h.QueueID == other.QueueID && h.Steps[0].Time.Equal(other.Steps[0].Time)
}

// continues reports whether two hops are of one message: by its Message-ID, or where servers
// hash that by different keys, by the trace. A session's messages have one trace, so the
// parties must agree.
func (h *hop) continues(other *hop) bool {
	if h.Server == other.Server {
		return h.QueueID == other.QueueID
	}
	if h.MessageID != "" && h.MessageID == other.MessageID {
		return true
	}
	return h.TraceID != "" && h.TraceID == other.TraceID && h.From.Domain == other.From.Domain && h.To.Domain == other.To.Domain
}

// ordered puts hops of one message together.
func ordered(hops []hop) [][]hop {
	slices.SortStableFunc(hops, func(a, b hop) int { return a.Steps[0].Time.Compare(b.Steps[0].Time) })
	messages := [][]hop{}
	for _, h := range hops {
		i := slices.IndexFunc(messages, func(m []hop) bool {
			return slices.ContainsFunc(m, func(other hop) bool { return other.Server != h.Server && h.continues(&other) })
		})
		if i < 0 {
			messages = append(messages, nil)
			i = len(messages) - 1
		}
		messages[i] = append(messages[i], h)
	}
	slices.Reverse(messages)
	return messages
}
