package otelmail

import (
	"context"
	"time"

	"github.com/rusmes/otelmail/mailconv"
)

// SMTPSession is one SMTP, LMTP or submission connection in progress. It has the
// methods of [Op], Context and Span, and those of [Session], TLS and Unfollowed.
type SMTPSession struct {
	Session
	smtp *SMTP
	role SMTPRole
}

// Session begins a session on a connection that was accepted. End it exactly
// once; further calls have no effect.
func (s *SMTP) Session(ctx context.Context, role SMTPRole, c Conn) SMTPSession {
	s = orEmpty(s)
	s.connections.Add(1)
	op := s.tracer.begin(ctx, "SMTP session", internalKind)
	ses := SMTPSession{beginSession(op, s.tracer, s.conns, protocolSMTP, memberOf(smtpProtocols, role, smtpProtocols[RoleMX]), c), s, role}
	if ses.Recording() {
		s.tracer.describe(ses.span).add(mailconv.SMTPRoleKey.String(role.String())).set()
	}
	return ses
}

// Command begins a command as a child of the session.
func (s SMTPSession) Command(verb mailconv.SMTPVerb) SMTPCommand {
	c := SMTPCommand{Op: Op{ctx: s.ctx}, smtp: s.smtp, session: s.state, role: s.role, verb: verb, begun: now()}
	if s.state == nil {
		return c
	}
	if stage := stageOf(verb); stage != stageIdle {
		s.state.stage.Store(int32(stage))
	}
	s.state.known.begins(verb)
	s.state.asks(int(verb), c.begun)
	if !s.state.spanless {
		c.Op = s.state.tracer.begin(s.ctx, nameOf(smtpSpans, verb), serverKind)
		if (verb == mailconv.SMTPData || verb == mailconv.SMTPBdat) && c.Recording() {
			c.brings()
		}
	}
	return c
}

// ProtocolError counts an error that belongs to no command, such as a reply that the
// server gives unasked.
func (s SMTPSession) ProtocolError() {
	if s.smtp != nil {
		s.smtp.errors.Add(1)
	}
}

// End ends the session. A cause other than [CauseNone] says that it broke: it counts in
// connections_lost_total, and as an error.
func (s SMTPSession) End(cause Cause) {
	if !s.first() {
		return
	}
	if cause != CauseNone {
		s.smtp.errors.Add(1)
		stage := smtpStage(s.state.stage.Load())
		if cause == CauseTLSHandshake {
			stage = stageTLS
		}
		s.countLost(stage)
	}
	s.finish(cause)
}

// EndInside ends a session that broke inside a command, which counts as an error at its own end,
// now or later: the session counts in connections_lost_total, and as no further error.
func (s SMTPSession) EndInside(verb mailconv.SMTPVerb) {
	if !s.first() {
		return
	}
	stage := stageOf(verb)
	if stage == stageIdle {
		stage = smtpStage(s.state.stage.Load())
	}
	s.countLost(stage)
	s.finish(CauseNone) // the command's span has it
}

func (s SMTPSession) countLost(at smtpStage) {
	if s.state.broke.Load() {
		at = stageTLS
	}
	s.smtp.lost.add(1, int(at))
}

func (s SMTPSession) finish(cause Cause) {
	// The connection is counted last: a page that shows it closed shows all the rest.
	s.smtp.duration.record(s.Context(), time.Since(s.state.begun))
	s.leave(cause)
}
