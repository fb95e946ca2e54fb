package otelmail

import (
	"cmp"
	"context"

	"github.com/rusmes/otelmail/mailconv"
)

// pop3Spans are the names of the spans, by verb.
var pop3Spans = spanNames("POP3", mailconv.POP3Stls)

// POP3 records what a POP3 server does (RFC 1939). It has no series of its own:
// its connections are in active_connections and tls_sessions_total. All methods
// are safe for concurrent use.
type POP3 struct {
	tracer *tracer
	conns  *connections
}

// POP3Session is one POP3 connection in progress. It has the
// methods of [Op], Context and Span, and those of [Session], TLS and Unfollowed.
type POP3Session struct {
	Session
	pop3 *POP3
}

// Session begins a session on a connection that was accepted. End it exactly
// once; further calls have no effect.
func (p *POP3) Session(ctx context.Context, c Conn) POP3Session {
	p = orEmpty(p)
	op := p.tracer.begin(ctx, "POP3 session", internalKind)
	return POP3Session{beginSession(op, p.tracer, p.conns, protocolPOP3, protocolPOP3.String(), c), p}
}

// Command begins a command as a child of the session.
func (s POP3Session) Command(verb mailconv.POP3Verb) POP3Command {
	c := POP3Command{Op: orEmpty(s.pop3).tracer.begin(s.Context(), nameOf(pop3Spans, verb), serverKind), pop3: s.pop3, session: s.state, verb: verb, begun: now()}
	s.state.asks(int(verb), c.begun)
	switch verb {
	case mailconv.POP3User, mailconv.POP3Apop, mailconv.POP3Auth:
		s.state.knows().beginsLogin()
	}
	if c.Recording() {
		c.describe().add(mailconv.POP3CommandKey.String(verb.String())).set()
	}
	return c
}

// End ends the session; a cause other than [CauseNone] says that it broke.
func (s POP3Session) End(cause Cause) {
	if s.first() {
		s.leave(cause)
	}
}

// POP3Command is a command in progress. End it exactly once.
type POP3Command struct {
	Op
	pop3    *POP3
	session *session
	verb    mailconv.POP3Verb
	begun   instant
}

func (c POP3Command) describe() *attributes { return c.pop3.tracer.describe(c.span) }

// POP3Facts are what is known of a command. All are optional.
type POP3Facts struct {
	User      string // who gave the command; shown as the privacy policy allows
	Mechanism string // the SASL mechanism of AUTH; an unknown one is "_OTHER"
}

// Note adds what is known of the command, for its span and for what its end counts.
func (c POP3Command) Note(facts POP3Facts) {
	c.session.noteMechanism(facts.Mechanism)
	c.session.knows().noteLogin(facts.User)
	if c.Recording() {
		c.describe().user(facts.User).set()
	}
}

// POP3Reply is how a command ended (RFC 1939 section 3). The zero value is -ERR, or no
// reply.
type POP3Reply struct {
	OK    bool  // +OK
	Cause Cause // why there was no reply, or what lies behind -ERR
}

// End ends the command. The error.type of -ERR is the cause or, for [CauseNone], "err".
func (c POP3Command) End(r POP3Reply) {
	c.session.answers(int(c.verb), c.begun)
	c.count(&r)
	if r.Cause == CausePanic {
		c.session.panics()
	}
	if !c.Recording() {
		c.end("")
		return
	}
	if r.OK {
		c.describe().add(mailconv.POP3StatusKey.String("ok")).set()
		c.end("")
		return
	}
	c.describe().add(mailconv.POP3StatusKey.String("err")).set()
	c.end(r.errorType())
}

func (c *POP3Command) count(r *POP3Reply) {
	if c.pop3 == nil || c.pop3.conns == nil {
		return
	}
	conns, class := c.pop3.conns, classError
	switch {
	case r.OK:
		class = classOK
	case r.Cause == CauseEOF || r.Cause == CauseReset || r.Cause == CauseTimeout || r.Cause == CauseProtocol || r.Cause == CauseTLSHandshake || r.Cause == CauseCanceled:
		class = classNone
	}
	conns.commands.ended(c.Context(), protocolPOP3, indexOf(pop3CommandIndexes, c.verb), c.begun, class)
	switch c.verb {
	case mailconv.POP3Pass, mailconv.POP3Apop:
		c.session.noteMechanism(c.verb.String())
		c.authEnded(r)
	case mailconv.POP3Auth:
		c.authEnded(r)
	}
}

func (c *POP3Command) authEnded(r *POP3Reply) {
	l := login{result: r.authResult()}
	if !r.OK {
		l.errorType = r.errorType()
	}
	c.pop3.conns.authEnded(c.ctx, c.pop3.tracer, c.session, protocolPOP3, l)
}

func (r *POP3Reply) errorType() string { return cmp.Or(r.Cause.String(), "err") }
