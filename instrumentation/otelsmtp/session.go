package otelsmtp

import (
	"github.com/emersion/go-sasl"
	"github.com/emersion/go-smtp"

	"github.com/rusmes/otelmail"
)

// session records what a backend's session does.
type session struct {
	inner smtp.Session
	c     *smtp.Conn
	conn  *connection
	user  func(smtp.Session) string
}

// Unwrap returns the backend's own session behind one of [Wrap]'s, such as
// smtp.Conn.Session returns; any other session as it is.
func Unwrap(s smtp.Session) smtp.Session {
	if w, ok := s.(interface{ unwrap() smtp.Session }); ok {
		return w.unwrap()
	}
	return s
}

func (s *session) unwrap() smtp.Session { return s.inner }

// Mail is the command MAIL.
func (s *session) Mail(from string, opts *smtp.MailOptions) error {
	cmd := s.conn.begin(otelmail.SMTPMail)
	cmd.From(from)
	reply := panicked
	defer func() { s.end(cmd, reply) }()
	err := s.inner.Mail(from, opts)
	reply = commandReply(err, cmd)
	return err
}

// Rcpt is the command RCPT.
func (s *session) Rcpt(to string, opts *smtp.RcptOptions) error {
	cmd := s.conn.begin(otelmail.SMTPRcpt)
	cmd.To(to)
	reply := panicked
	defer func() { s.end(cmd, reply) }()
	err := s.inner.Rcpt(to, opts)
	reply = commandReply(err, cmd)
	if err == nil {
		s.conn.mu.Lock()
		s.conn.recipients = append(s.conn.recipients, to)
		s.conn.mu.Unlock()
	}
	return err
}

// Reset is RSET, a second EHLO, and the end of every message. go-smtp holds the
// Conn's lock meanwhile: Conn.Session must not be called.
func (s *session) Reset() {
	s.conn.dropAuth()
	s.conn.clear(otelmail.CauseCanceled)
	s.inner.Reset()
}

// Logout is called when the connection closes, with the Conn's lock held, and
// after STARTTLS, which the session survives.
func (s *session) Logout() error {
	s.conn.loseAuth()
	s.conn.clear(otelmail.CauseEOF)
	if !s.conn.noticeTLS(s.c) {
		defer s.conn.unclosed()
	}
	return s.inner.Logout()
}

// end ends a command in the name of the session's user.
func (s *session) end(cmd otelmail.SMTPCommand, r otelmail.Reply) {
	s.nameUser(cmd)
	s.conn.end(cmd, r)
}

func (s *session) nameUser(cmd otelmail.SMTPCommand) {
	if s.user == nil || !cmd.Span().IsRecording() {
		return
	}
	// The application's function runs only for what is sampled: its panic must
	// not make the fate of a message depend on that.
	defer func() { _ = recover() }()
	if user := s.user(s.inner); user != "" {
		cmd.User(user)
	}
}

// The add-on interfaces are told apart by type assertion, so that the wrapper
// must have exactly the methods that the backend's session has. A struct of one
// pointer fits into an interface without an allocation.
type (
	authSession     struct{ *session }
	lmtpSession     struct{ *session }
	authLMTPSession struct{ *session }
)

func wrapSession(s *session) smtp.Session {
	_, auth := s.inner.(smtp.AuthSession)
	_, lmtp := s.inner.(smtp.LMTPSession)
	switch {
	case auth && lmtp:
		return authLMTPSession{s}
	case auth:
		return authSession{s}
	case lmtp:
		return lmtpSession{s}
	}
	return s
}

func (s authSession) AuthMechanisms() []string              { return s.mechanisms() }
func (s authSession) Auth(mech string) (sasl.Server, error) { return s.authenticate(mech) }

func (s authLMTPSession) AuthMechanisms() []string              { return s.mechanisms() }
func (s authLMTPSession) Auth(mech string) (sasl.Server, error) { return s.authenticate(mech) }
