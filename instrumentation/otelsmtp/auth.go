package otelsmtp

import (
	"github.com/emersion/go-sasl"
	"github.com/emersion/go-smtp"

	"github.com/rusmes/otelmail"
)

func (s *session) mechanisms() []string {
	return s.inner.(smtp.AuthSession).AuthMechanisms()
}

// authenticate begins AUTH, which ends with its exchange or, if go-smtp drops
// that (the client cancels, sends bad base64, goes away), at the next sign.
func (s *session) authenticate(mechanism string) (sasl.Server, error) {
	s.conn.dropAuth()
	cmd := s.conn.beginAuth()
	cmd.Mechanism(mechanism)
	reply, over := panicked, true
	defer func() {
		if over {
			s.endAuth(cmd, reply)
		}
	}()
	server, err := s.inner.(smtp.AuthSession).Auth(mechanism)
	if err != nil {
		reply = refusal(err, authFailed, cmd)
		return server, err
	}
	over = false
	return &exchange{session: s, cmd: cmd, server: server}, nil
}

// exchange is a SASL exchange. What passes through it is never kept.
type exchange struct {
	session *session
	cmd     otelmail.SMTPCommand
	server  sasl.Server
}

// Next takes a response of the client and returns the next challenge.
func (e *exchange) Next(response []byte) ([]byte, bool, error) {
	reply, over := panicked, true
	defer func() {
		if over {
			e.session.endAuth(e.cmd, reply)
		}
	}()
	challenge, done, err := e.server.Next(response)
	switch {
	case err != nil:
		reply = refusal(err, authFailed, e.cmd)
	case done:
		reply = otelmail.Reply{Code: 235, Enhanced: otelmail.EnhancedCode{2, 0, 0}}
	default:
		over = false
	}
	return challenge, done, err
}

func (s *session) endAuth(cmd otelmail.SMTPCommand, r otelmail.Reply) {
	s.conn.mu.Lock()
	open := s.conn.takeAuth()
	if open {
		s.conn.wire.owe(r)
	}
	s.conn.mu.Unlock()
	if open {
		s.nameUser(cmd)
		cmd.End(r)
	}
}

func (c *connection) beginAuth() otelmail.SMTPCommand {
	cmd := c.session.Command(otelmail.SMTPAuth)
	c.mu.Lock()
	defer c.mu.Unlock()
	c.auth, c.authenticating = cmd, true
	return cmd
}

// takeAuth reports whether an AUTH is under way, for one caller to end it.
func (c *connection) takeAuth() bool {
	open := c.authenticating
	c.authenticating = false
	return open
}

// dropAuth ends an AUTH that go-smtp has dropped and answered, as is seen from
// the next command. It answers 501 to a client that cancels (RFC 4954 section 4).
func (c *connection) dropAuth() {
	c.endDropped(otelmail.Reply{Code: 501, Enhanced: otelmail.EnhancedCode{5, 0, 0}})
}

// loseAuth ends an AUTH that is under way when the session ends. Where replies
// are visible, none has been given, so the connection was lost.
func (c *connection) loseAuth() {
	c.mu.Lock()
	lost := c.authenticating && (c.wire.visible() || c.wire.broken() != otelmail.CauseNone)
	cause := c.wire.broken()
	c.told = c.told || lost
	c.mu.Unlock()
	switch {
	case !lost:
		c.dropAuth()
	case cause == otelmail.CauseNone:
		c.endDropped(otelmail.Reply{Cause: otelmail.CauseEOF})
	default:
		c.endDropped(otelmail.Reply{Cause: cause})
	}
}

func (c *connection) endDropped(r otelmail.Reply) {
	c.mu.Lock()
	open, cmd := c.takeAuth(), c.auth
	c.mu.Unlock()
	if open {
		cmd.End(r)
	}
}
