package otelmail

import (
	"context"

	"github.com/rusmes/otelmail/mailconv"
)

// IMAPSession is one IMAP connection in progress. An IMAP session may last for
// days, so it has no span of its own: each command is a trace, or a child of
// what the context given to Session holds. It has the methods of [Op], Context
// and Span, and those of [Session], TLS and Unfollowed.
type IMAPSession struct {
	Session
	imap *IMAP
	conn Conn
}

// Session begins a session on a connection that was accepted. End it exactly
// once; further calls have no effect.
func (i *IMAP) Session(ctx context.Context, c Conn) IMAPSession {
	i = orEmpty(i)
	i.connections.Add(1)
	if ctx == nil {
		ctx = context.Background()
	}
	return IMAPSession{beginSession(Op{ctx: ctx}, i.tracer, i.conns, protocolIMAP, protocolIMAP.String(), c), i, c}
}

// Command begins a command of the session.
func (s IMAPSession) Command(verb mailconv.IMAPVerb) IMAPCommand {
	c := IMAPCommand{Op: orEmpty(s.imap).tracer.begin(s.Context(), nameOf(imapSpans, verb), serverKind), imap: s.imap, session: s.state, verb: verb, begun: now()}
	s.state.asks(int(verb), c.begun)
	if c.logsIn() {
		s.state.knows().beginsLogin()
	}
	if c.Recording() {
		about := s.conn
		if state := s.state.tls.Load(); state != nil {
			about.TLS = state
		}
		s.imap.tracer.describe(c.span).conn(protocolIMAP.String(), about).add(mailconv.IMAPCommandKey.String(verb.String())).set()
	}
	return c
}

// ProtocolError counts an error that belongs to no command: an untagged BAD (RFC 9051
// section 7.1.3), such as that to a line of the client's that is none.
func (s IMAPSession) ProtocolError() {
	if s.imap != nil {
		s.imap.errors.Add(1)
	}
}

// End ends the session. A cause other than [CauseNone] says that it broke, and
// counts as an error.
func (s IMAPSession) End(cause Cause) {
	if !s.first() {
		return
	}
	if cause != CauseNone {
		s.imap.errors.Add(1)
	}
	s.leave(cause)
}
