package otelmail

import (
	"context"
	"crypto/tls"
	"sync/atomic"
	"time"

	"github.com/rusmes/otelmail/mailconv"
)

// session is what the sessions of all protocols have in common.
type session struct {
	Op
	tracer   *tracer
	conns    *connections
	protocol Protocol
	begun    time.Time
	spanless bool // its commands have no spans
	upgraded atomic.Bool
	ended    atomic.Bool
	// tls is what Upgrade and Handshake were given, for the spans of the commands of a
	// session that has no span itself.
	tls atomic.Pointer[tls.ConnectionState]
}

func beginSession(ctx context.Context, t *tracer, conns *connections, p Protocol, protocolName string, c Conn) *session {
	s := &session{tracer: t, conns: conns, protocol: p, begun: time.Now()}
	s.Op = t.begin(ctx, sessionNames[p], serverKind)
	s.spanless = t.spanless(&s.Op)
	conns.opened(p, c)
	if s.recording() {
		t.describe(s.span).conn(protocolName, c).set()
	}
	return s
}

// started is false in a handle's zero value, which does nothing.
func (s *session) started() bool { return s != nil && s.conns != nil }

var sessionNames = [...]string{"SMTP session", "IMAP session", "JMAP session", "POP3 session"}

// Upgrade notes that STARTTLS (STLS) has succeeded. Calling it again has no effect.
func (s *session) Upgrade(state tls.ConnectionState) {
	if !s.started() || s.upgraded.Swap(true) {
		return
	}
	s.conns.upgraded()
	s.secured(state)
}

// Handshake notes what implicit TLS agreed on, for a session that began before
// its handshake (with Conn.TLS set, but empty).
func (s *session) Handshake(state tls.ConnectionState) {
	if s.started() {
		s.secured(state)
	}
}

// Unfollowed notes that what client and server say can no longer be understood, so
// that nothing more of the session will be counted except its end.
func (s *session) Unfollowed() {
	if s.started() {
		s.conns.unfollowed[s.protocol].Add(1)
	}
}

func (s *session) secured(state tls.ConnectionState) {
	switch {
	case s.span == nil: // keep what spans show, not the certificates
		s.tls.Store(&tls.ConnectionState{
			Version: state.Version, HandshakeComplete: state.HandshakeComplete,
			DidResume: state.DidResume, CipherSuite: state.CipherSuite,
		})
	case s.recording():
		s.tracer.describe(s.span).tls(&state).set()
	}
}

// finish ends the session once; it reports whether this call did.
func (s *session) finish(cause Cause) bool {
	if !s.first() {
		return false
	}
	s.leave(cause)
	return true
}

// first reports whether this is the call that ends the session.
func (s *session) first() bool { return s.started() && !s.ended.Swap(true) }

// leave ends the span and counts the connection as closed.
func (s *session) leave(cause Cause) {
	s.end(cause.String())
	s.conns.closed(s.protocol)
}

// SMTPSession is one SMTP, LMTP or submission connection in progress.
type SMTPSession struct {
	Op
	*session
	smtp *SMTP
}

// Session begins a session on a connection that was accepted. End it exactly
// once; further calls have no effect.
func (s *SMTP) Session(ctx context.Context, role SMTPRole, c Conn) SMTPSession {
	s = orEmpty(s)
	s.connections.Add(1)
	role = min(role, RoleLMTP)
	ses := beginSession(ctx, s.tracer, s.conns, ProtocolSMTP, smtpProtocols[role], c)
	if ses.recording() {
		s.tracer.describe(ses.span).add(mailconv.SMTPRoleKey.String(role.String())).set()
	}
	return SMTPSession{ses.Op, ses, s}
}

// Command begins a command as a child of the session.
func (s SMTPSession) Command(verb SMTPVerb) SMTPCommand {
	if s.session != nil && s.spanless {
		return SMTPCommand{Op: Op{ctx: s.ctx}, smtp: s.smtp, verb: SMTPVerb(smtpVerbs.index(int(verb)))}
	}
	return s.smtp.Command(s.Context(), verb)
}

// End ends the session. A cause other than [CauseNone] says that it broke, and
// counts as an error.
func (s SMTPSession) End(cause Cause) {
	if !s.first() {
		return
	}
	if cause != CauseNone {
		s.smtp.errors.Add(1)
	}
	// The connection is counted last: a page that shows it closed shows all the rest.
	s.smtp.duration.record(s.Context(), time.Since(s.begun))
	s.leave(cause)
}
