package oteljmap

import (
	"context"
	"net/http"
	"strings"
	"sync"
	"time"

	"go.opentelemetry.io/otel/trace"

	"github.com/rusmes/otelmail"
	"github.com/rusmes/otelmail/internal/contain"
)

// request is an API request in progress: what is read of its body and of its
// response, and its calls.
type request struct {
	record   otelmail.JMAPRequest
	ctx      context.Context
	id       string // the server's
	maxCalls int

	mu       sync.Mutex // bodies may be read and written at once, and calls be run in parallel
	asked    *scanner   // nil: the body is not read, or no longer
	left     int64      // how much of the body may still be read, in bytes
	answered scanner
	expects  expectation
	calls    calls
}

type requestKey struct{}

// expectation is what the response is read as.
type expectation uint8

const (
	nothing expectation = iota
	responses
	problemDetails
)

func (h *handler) newRequest(ctx context.Context, r *http.Request) *request {
	q := &request{record: h.tel.JMAP.Request(ctx), maxCalls: h.config.maxCalls, left: h.config.maxBody}
	if h.config.requestID != nil && trace.SpanFromContext(ctx).IsRecording() {
		_ = contain.Call(func() { q.id = h.config.requestID(r) }) // without an id, then
	}
	return q
}

// watches begins to look for method calls in the body of r, and reports whether it does.
func (q *request) watches(r *http.Request) bool {
	if q == nil || q.maxCalls <= 0 || q.left <= 0 || r.Header.Get("Content-Encoding") != "" {
		return false
	}
	q.asked = new(scanner)
	q.asked.init("methodCalls", "accountId")
	return true
}

// read takes the next bytes of the request's body.
func (q *request) read(b []byte) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.asked == nil {
		return
	}
	b = b[:min(int64(len(b)), q.left)]
	q.left -= int64(len(b))
	for len(b) > 0 {
		n, found := q.asked.next(b)
		b = b[n:]
		if !found {
			continue
		}
		if q.asked.nth == 1 { // of a second list, if the first was not it
			q.calls.waiting = q.calls.waiting[:0]
		}
		if len(q.calls.waiting) < q.maxCalls {
			q.calls.waiting = append(q.calls.waiting, otelmail.JMAPFacts{
				Method: string(q.asked.name), AccountID: string(q.asked.value), CallID: string(q.asked.id),
				RequestID: q.id, Begun: time.Now(),
			})
		}
	}
	if q.left == 0 || q.asked.done {
		q.asked = nil
	}
}

// expect decides what the response's body is read as.
func (q *request) expect(refused bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.expects = responses
	q.answered.init("methodResponses", "type")
	if refused {
		q.expects = problemDetails
		q.answered.init("", "type")
	}
}

func (q *request) reading() bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.expects != nothing && !q.answered.done
}

// wrote takes the next bytes of the response's body.
func (q *request) wrote(b []byte) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.expects == nothing {
		return
	}
	for len(b) > 0 {
		n, found := q.answered.next(b)
		b = b[n:]
		if found {
			q.response(&q.answered)
		}
	}
}

// problem is the type of the request-level error that was answered, of the
// closed set of RFC 8620 section 3.6.1; "" for none.
func (q *request) problem() string {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.expects != problemDetails {
		return ""
	}
	name, ok := strings.CutPrefix(string(q.answered.value), "urn:ietf:params:jmap:error:")
	if !ok {
		return ""
	}
	switch name {
	case "unknownCapability", "notJSON", "notRequest", "limit":
		return name
	}
	return "_OTHER"
}
