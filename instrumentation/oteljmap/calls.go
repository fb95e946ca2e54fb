package oteljmap

import (
	"context"
	"slices"

	"github.com/rusmes/otelmail"
)

// calls are the method calls of a request, guarded by request.mu.
type calls struct {
	// waiting are those read from the body that nobody has started or answered,
	// in the order in which they must be run (RFC 8620 section 3.4).
	waiting []otelmail.JMAPFacts
	// started are those that the handler has started and that run, or whose
	// response has not been seen yet: by id, of which clients may use one more
	// than once, in the order in which they were started.
	started map[string][]*started
	// last is the id of the response before.
	last []byte
}

// started is a call that the handler has started.
type started struct {
	op       otelmail.JMAPCall
	method   string
	id       string
	ended    bool
	told     bool   // it has ended with an error, which is counted
	answered bool   // its response has been seen
	failed   string // the error type of that response, to be counted at the end
}

// Call is a method call that the handler has started. End it exactly once;
// further calls have no effect.
type Call struct {
	ctx     context.Context
	request *request
	started *started
}

// StartCall begins the span of a method call, a child of the span in ctx, which
// is the context of a request that [Wrap] handles or one derived from it. Of
// the facts CallID is needed, to tell the call's response; what else is empty is
// taken from the request's body as far as that was read. With any other context
// it does nothing.
func StartCall(ctx context.Context, facts otelmail.JMAPFacts) Call {
	if ctx == nil { // a caller's mistake must not end the mail's path
		ctx = context.Background()
	}
	q, ok := ctx.Value(requestKey{}).(*request)
	if !ok {
		return Call{ctx: ctx}
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	id := facts.CallID[:min(len(facts.CallID), roomOfID)]
	facts = q.completed(facts, id)
	s := &started{id: id, method: facts.Method, op: q.record.Call(ctx, facts)}
	if q.calls.started == nil {
		q.calls.started = make(map[string][]*started)
	}
	q.calls.started[id] = append(q.calls.started[id], s)
	return Call{ctx: s.op.Context(), request: q, started: s}
}

// completed returns the facts with what was read from the body, which no longer
// waits for a response.
func (q *request) completed(facts otelmail.JMAPFacts, id string) otelmail.JMAPFacts {
	if facts.RequestID == "" {
		facts.RequestID = q.id
	}
	for i, known := range q.calls.waiting {
		if known.CallID != id {
			continue
		}
		if facts.Method == "" {
			facts.Method = known.Method
		}
		if facts.AccountID == "" {
			facts.AccountID = known.AccountID
		}
		q.calls.waiting = slices.Delete(q.calls.waiting, i, i+1)
		break
	}
	return facts
}

// Context carries the call's span.
func (c Call) Context() context.Context {
	if c.ctx == nil {
		return context.Background()
	}
	return c.ctx
}

// End ends the call: errorType is the type of the error that answers it (RFC
// 8620 section 3.6.2), "" for success.
func (c Call) End(errorType string) {
	if c.started == nil {
		return
	}
	c.request.mu.Lock()
	defer c.request.mu.Unlock()
	c.request.calls.end(c.started, errorType)
}

func (c *calls) end(s *started, errorType string) {
	if s.ended {
		return
	}
	if errorType == "" {
		errorType = s.failed
	}
	s.ended, s.told = true, errorType != ""
	if s.answered {
		c.forget(s)
	}
	s.op.End(errorType)
}

func (c *calls) forget(s *started) {
	same := c.started[s.id]
	for i := len(same) - 1; i >= 0; i-- { // calls are run in order: the last is the one
		if same[i] == s {
			c.remove(s.id, i)
			return
		}
	}
}

func (c *calls) remove(id string, i int) {
	same := c.started[id]
	switch {
	case len(same) == 1:
		delete(c.started, id)
	case i == 0: // responses come in order: not to move what may be many
		c.started[id] = same[1:]
	default:
		c.started[id] = slices.Delete(same, i, i+1)
	}
}

// response takes a response, which s has just found.
func (q *request) response(s *scanner) {
	failed := string(s.name) == "error"
	switch {
	case q.calls.answersStarted(s, failed):
	case q.answersWaiting(s, failed):
	case failed:
		q.record.CallError()
	}
	q.calls.last = append(q.calls.last[:0], s.id...)
}

// answersStarted finds the call whose response this is among those that the
// handler has started. They count their errors themselves.
func (c *calls) answersStarted(s *scanner, failed bool) bool {
	for i, call := range c.started[string(s.id)] {
		if call.answered || call.ended && call.told != failed || c.implied(s, failed, call.method) {
			continue
		}
		if call.ended {
			c.remove(call.id, i)
			return true
		}
		call.answered = true
		if failed {
			call.failed = errorTypeOf(s)
		}
		return true
	}
	return false
}

// implied reports whether a response is not that of a call of this method and
// with the same id, but of one that the call before implied: one call may have
// several responses, of which the first is its own.
func (c *calls) implied(s *scanner, failed bool, method string) bool {
	return !failed && string(s.name) != method && string(c.last) == string(s.id)
}

// answersWaiting finds the call that waits for the response, and gives it its
// span.
func (q *request) answersWaiting(s *scanner, failed bool) bool {
	i := slices.IndexFunc(q.calls.waiting, func(f otelmail.JMAPFacts) bool { return f.CallID == string(s.id) })
	if i < 0 || q.calls.implied(s, failed, q.calls.waiting[i].Method) {
		return false
	}
	facts := q.calls.waiting[i]
	q.calls.waiting = slices.Delete(q.calls.waiting, i, i+1)
	errorType := ""
	if failed {
		errorType = errorTypeOf(s)
	}
	q.record.Call(q.ctx, facts).End(errorType)
	return true
}

// errorTypeOf is never "": an error without a type is one too.
func errorTypeOf(s *scanner) string {
	if len(s.value) == 0 {
		return "_OTHER"
	}
	return string(s.value)
}

// finish ends the calls that nobody has ended. Those that only wait have not
// been run if the request failed; else their response could not be read.
func (q *request) finish(failed, panicked bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	for _, same := range q.calls.started {
		for _, s := range slices.Backward(slices.Clone(same)) { // ending one takes it out
			errorType := s.failed
			if panicked && errorType == "" {
				errorType = "serverFail"
			}
			q.calls.end(s, errorType)
		}
	}
	if !failed {
		for _, facts := range q.calls.waiting {
			q.record.Call(q.ctx, facts).End("")
		}
	}
	q.calls.waiting = nil
	q.asked = nil
}
