package otelmail

import (
	"context"
	"crypto/tls"
	"net/netip"
	"sync/atomic"
	"time"
)

// Session is what the sessions of SMTP, IMAP and POP3 have in common.
type Session struct {
	Op
	state *session
}

// session is the state of a session, which its handles share.
type session struct {
	tracer   *tracer
	conns    *connections
	protocol protocol
	begun    time.Time
	spanless bool // its commands have no spans
	secure   atomic.Bool
	ended    atomic.Bool
	// shaken says that its handshake was counted, as completed or as failed, and broke that
	// it was the latter.
	shaken, broke atomic.Bool

	// What is known of the command in progress, and counted at its end.
	mechanism atomic.Int32           // of AUTH, as a position in mechanisms, from 1
	size      atomic.Int64           // of the message, in bytes
	stage     atomic.Int32           // of SMTP: that of the last command
	panicked  atomic.Bool            // a command's handler has, and was counted
	client    netip.Prefix           // the network of the client
	user      atomic.Pointer[string] // who has logged in
	known     *knownSession          // for events, and for who lists sessions; nil where nobody does either
	listed    bool                   // among conns.open
	asked     atomic.Uint64          // the command in progress, see inProgress; of a session that is listed
	// tls is what TLS was given, for the spans of the commands of a session that has no
	// span itself.
	tls atomic.Pointer[tls.ConnectionState]
}

// beginSession counts the connection as open. op is the session's span, if it has one.
// Without an area, whose zero value has no connections, the session does nothing.
func beginSession(op Op, t *tracer, conns *connections, p protocol, protocolName string, c Conn) Session {
	if conns == nil {
		return Session{Op: op}
	}
	s := Session{op, &session{tracer: t, conns: conns, protocol: p, begun: time.Now(), client: networkOf(c.Remote)}}
	s.state.spanless = t.spanless(&s.Op)
	s.state.secure.Store(c.TLS != nil)
	conns.opened(p, c)
	if c.TLS != nil {
		s.state.shakes(c.TLS)
	}
	if s.Recording() {
		t.describe(s.span).conn(protocolName, c).set()
	}
	if s.state.listed = conns.open.asked.Load(); s.state.listed || t.takesAny(s.ctx, sessionEvents[p]...) {
		s.state.known = &knownSession{protocol: protocolName, conn: c}
		s.ctx = context.WithValue(s.ctx, sessionKey{}, s.state.known)
	}
	conns.open.add(s.state)
	return s
}

// Noting reports whether somebody listens to mail events or lists the open sessions: facts are
// of use to Note then, even where no span records.
func (s Session) Noting() bool { return s.state != nil && s.state.known != nil }

// TLS notes what a handshake has agreed on: that of STARTTLS (STLS), which counts
// the session as upgraded, or that of implicit TLS where the session began before its
// handshake, with an empty state for [Conn].TLS. Call it again when more is known.
func (s Session) TLS(state tls.ConnectionState) {
	if s.state == nil {
		return
	}
	if !s.state.secure.Swap(true) {
		s.state.conns.upgraded()
	}
	s.state.shakes(&state)
	s.state.known.noteTLS(&state)
	switch {
	case s.span == nil: // keep what spans show, not the certificates
		s.state.tls.Store(shownOf(&state))
	case s.Recording():
		s.state.tracer.describe(s.span).tls(&state).set()
	}
}

// shakes counts a handshake once it is known what it agreed on.
func (s *session) shakes(state *tls.ConnectionState) {
	if state.Version != 0 && !s.shaken.Swap(true) {
		s.conns.handshakes.completed(state.Version)
	}
}

// TLSFailed notes that the handshake has failed, and why. The session is still to be ended,
// with [CauseTLSHandshake] where that broke it.
func (s Session) TLSFailed(err error) {
	if s.state != nil && !s.state.shaken.Swap(true) {
		s.state.broke.Store(true)
		s.state.conns.handshakes.broke(err)
	}
}

// Unfollowed notes that what client and server say can no longer be understood, so
// that nothing more of the session will be counted except its end.
func (s Session) Unfollowed() {
	if s.state != nil {
		s.state.conns.unfollowed[s.state.protocol].Add(1)
	}
}

// first reports whether this is the call that ends the session.
func (s Session) first() bool { return s.state != nil && !s.state.ended.Swap(true) }

// leave ends the span and counts the connection as closed.
func (s Session) leave(cause Cause) {
	s.end(cause.String())
	if cause == CausePanic && !s.state.panicked.Load() {
		s.state.panics()
	}
	switch {
	case cause == CauseTLSHandshake:
		s.TLSFailed(nil)
	case s.state.secure.Load() && !s.state.shaken.Swap(true) && cause == CauseNone:
		s.state.conns.handshakes.completed(0) // nobody has said of what version
	}
	s.state.conns.open.remove(s.state)
	s.state.conns.closed(s.state.protocol)
}

// panics counts a panic of a handler. That of a command which ends the session, too, is one.
func (s *session) panics() {
	if s != nil {
		s.panicked.Store(true)
		s.tracer.panicked(s.protocol.component())
	}
}
