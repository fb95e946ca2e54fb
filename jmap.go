package otelmail

import (
	"context"
	"slices"
	"time"

	"go.opentelemetry.io/otel/trace"

	"github.com/rusmes/otelmail/catalog"
	"github.com/rusmes/otelmail/internal/count"
	"github.com/rusmes/otelmail/internal/jmapmethod"
	"github.com/rusmes/otelmail/internal/mailevent"
	"github.com/rusmes/otelmail/mailconv"
)

// jmapMethods are the methods that are told apart.
var jmapMethods = jmapmethod.Names

// jmapSpans are the names of the spans, by index of the method.
var jmapSpans = func() []string {
	names := make([]string, len(jmapMethods))
	for i, method := range jmapMethods {
		names[i] = "JMAP " + method
	}
	return names
}()

// jmapIndex finds a method by its exact name: JMAP names are case-sensitive.
var jmapIndex = func() map[string]int {
	m := make(map[string]int, len(jmapMethods))
	for i, v := range jmapMethods {
		m[v] = i
	}
	return m
}()

var (
	jmapRequests = define(catalog.Metric{
		Name: "jmap_requests_total", Kind: catalog.Counter, Unit: "{request}",
		Help: "JMAP API requests that ended",
		Rise: "Clients are busier, or one polls instead of listening to the event source.",
	})
	jmapErrors = define(catalog.Metric{
		Name: "jmap_errors_total", Kind: catalog.Counter, Unit: "{error}",
		Help: "JMAP requests and method calls that failed (RFC 8620 section 3.6)",
		Rise: "serverFail and serverUnavailable are ours; notRequest, unknownMethod and invalidArguments are a client's. The error.type of the spans says which.",
	})
)

// JMAP records what a JMAP server does (RFC 8620, RFC 8621). All methods are
// safe for concurrent use.
type JMAP struct {
	tracer   *tracer
	conns    *connections
	requests *count.Counter
	errors   *count.Counter
}

func newJMAP(b *binder, t *tracer, conns *connections) *JMAP {
	return &JMAP{tracer: t, conns: conns, requests: b.counter(jmapRequests), errors: b.counter(jmapErrors)}
}

// Connect counts a connection to the JMAP endpoint as open, until the returned
// value is closed. It has no span: the requests have.
func (j *JMAP) Connect(c Conn) JMAPConnection {
	j = orEmpty(j)
	j.conns.opened(protocolJMAP, c)
	if j.conns != nil && c.TLS != nil && c.TLS.Version != 0 {
		j.conns.handshakes.completed(c.TLS.Version)
	}
	s := &session{tracer: j.tracer, conns: j.conns, protocol: protocolJMAP, begun: time.Now()}
	if s.listed = j.conns != nil && j.conns.open.asked.Load(); s.listed {
		s.known = &knownSession{protocol: protocolJMAP.String(), conn: c}
		j.conns.open.add(s)
	}
	return JMAPConnection{s}
}

// JMAPConnection is an open connection to the JMAP endpoint.
type JMAPConnection struct {
	state *session
}

// Close ends the connection; further calls have no effect.
func (c JMAPConnection) Close() {
	if s := c.state; s != nil && s.conns != nil && !s.ended.Swap(true) {
		s.conns.open.remove(s)
		s.conns.closed(protocolJMAP)
	}
}

// Describe adds to the span of an HTTP request, which the caller has begun, who
// asked, as the privacy policy allows, and over what connection.
func (j *JMAP) Describe(request trace.Span, c Conn) {
	if j == nil || j.tracer == nil || request == nil || !request.IsRecording() {
		return
	}
	j.tracer.describe(request).client(c.Remote).server(c.Local).tls(c.TLS).set()
}

// Request begins an API request. It has no span of its own: that is the HTTP
// request's, which ctx holds, see [JMAP.Describe].
func (j *JMAP) Request(ctx context.Context) JMAPRequest {
	r := JMAPRequest{j, serverKind}
	if ctx != nil {
		if request := trace.SpanContextFromContext(ctx); request.IsValid() && !request.IsRemote() {
			r.kind = internalKind // what is asked for and answered is the HTTP request
		}
	}
	return r
}

// JMAPLogin is what is known of an attempt to log in. All are optional.
type JMAPLogin struct {
	// Scheme is that of HTTP's Authorization header (RFC 9110 section 11.6.2), "Basic" or
	// "Bearer"; another is "_OTHER".
	Scheme string
	User   string // who tried to log in; shown as the privacy policy allows
	Conn   Conn
}

// Authenticated counts an attempt to log in. HTTP sends credentials with every request,
// and each is an attempt. A request without credentials is none. ctx is that of the request.
func (j *JMAP) Authenticated(ctx context.Context, about JMAPLogin, ok bool) {
	j = orEmpty(j)
	if j.conns == nil {
		return
	}
	l := login{mechanism: mechanismIndex(about.Scheme), result: authFailure}
	if ok {
		l.result = authSuccess
	}
	j.conns.commands.authenticated(protocolJMAP, l.mechanism, l.result)
	if !ok && j.tracer.takes(ctx, mailevent.LoginFailed) {
		a := j.tracer.describe(nil).login(l).user(about.User)
		j.tracer.tell(ctx, mailevent.LoginFailed, a.conn(protocolJMAP.String(), about.Conn))
	}
}

// JMAPRequest is an API request in progress. End it exactly once.
type JMAPRequest struct {
	jmap *JMAP
	kind []trace.SpanStartOption // of its calls
}

// CallError counts a method call that failed and has no span of its own: one whose
// error was only seen in the response, or one beyond the number that is traced.
func (r JMAPRequest) CallError() { orEmpty(r.jmap).errors.Add(1) }

// End counts the request. failed says that it was refused as a whole (RFC 8620
// section 3.6.1); the errors of its method calls are counted by their own End.
func (r JMAPRequest) End(failed bool) {
	j := orEmpty(r.jmap)
	j.requests.Add(1)
	if failed {
		j.errors.Add(1)
	}
}

// JMAPFacts are what is known of a method call. All except Method are optional.
type JMAPFacts struct {
	Method    string // an unknown one is "_OTHER"
	AccountID string // shown as the privacy policy allows
	CallID    string // likewise: a client chooses it
	RequestID string // the server's own id of the request
	// Begun is when the call began, for one that is reported afterwards; the
	// zero value is now.
	Begun time.Time
}

// Call begins a method call of the request. ctx holds the request's span.
func (r JMAPRequest) Call(ctx context.Context, facts JMAPFacts) JMAPCall {
	j, i := orEmpty(r.jmap), jmapIndex[facts.Method]
	kind := r.kind
	if !facts.Begun.IsZero() {
		kind = append(slices.Clip(kind), trace.WithTimestamp(facts.Begun))
	}
	c := JMAPCall{Op: j.tracer.begin(ctx, jmapSpans[i], kind), jmap: j, method: i, begun: now()}
	if !facts.Begun.IsZero() {
		c.begun = instantOf(facts.Begun)
	}
	if c.Recording() {
		j.tracer.describe(c.span).
			add(mailconv.JMAPMethodKey.String(jmapMethods[i])).
			secretText(mailconv.JMAPAccountIDKey, facts.AccountID).
			secretText(mailconv.JMAPCallIDKey, facts.CallID).
			text(mailconv.JMAPRequestIDKey, facts.RequestID).set()
	}
	return c
}

// JMAPCall is a method call in progress. End it exactly once.
type JMAPCall struct {
	Op
	jmap   *JMAP
	method int // as a position in jmapMethods
	begun  instant
}

// End ends the call. errorType is the type of a method-level error (RFC 8620
// section 3.6.2) and "" for success; an unknown type is "_OTHER".
func (c JMAPCall) End(errorType string) {
	if c.jmap == nil {
		return
	}
	class := classOK
	if errorType != "" {
		class = classError
	}
	if c.jmap.conns != nil {
		c.jmap.conns.commands.ended(c.Context(), protocolJMAP, jmapCommandIndexes[c.method], c.begun, class)
	}
	if errorType == "" {
		c.end("")
		return
	}
	c.jmap.errors.Add(1)
	if !jmapErrorTypes[errorType] {
		errorType = other
	}
	c.end(errorType)
}

var jmapErrorTypes = func() map[string]bool {
	m := map[string]bool{}
	for _, t := range []string{
		"serverUnavailable", "serverFail", "serverPartialFail", "unknownMethod", "invalidArguments",
		"invalidResultReference", "forbidden", "accountNotFound", "accountNotSupportedByMethod",
		"accountReadOnly", "requestTooLarge", "cannotCalculateChanges", "stateMismatch",
		"anchorNotFound", "unsupportedSort", "unsupportedFilter", "tooManyChanges",
		"fromAccountNotFound", "fromAccountNotSupportedByMethod",
		"unknownDataType", // RFC 9404 section 4.3
	} {
		m[t] = true
	}
	return m
}()
