package otelsmtp

import (
	"crypto/tls"
	"sync/atomic"

	"github.com/emersion/go-sasl"
	"github.com/emersion/go-smtp"
	"go.opentelemetry.io/otel/trace"
)

// session stands before the application's.
type session struct {
	inner      smtp.Session
	c          *smtp.Conn
	connection *connection
	user       func(smtp.Session) string // of the options, or nil
	named      atomic.Pointer[string]    // whom it has named already: a message by BDAT has a goroutine of its own
	message    message                   // room for the one by DATA, used again and again
}

// Unwrap returns the backend's own session behind one that smtp.Conn.Session returns
// for a connection of a [Server]; any other session as it is.
func Unwrap(s smtp.Session) smtp.Session {
	if w, ok := s.(interface{ unwrap() smtp.Session }); ok {
		return w.unwrap()
	}
	return s
}

func (s *session) unwrap() smtp.Session { return s.inner }

// Mail is the command MAIL.
func (s *session) Mail(from string, opts *smtp.MailOptions) (err error) {
	err = errPanicked
	defer s.called(&err)
	err = s.inner.Mail(from, opts)
	return err
}

// Rcpt is the command RCPT.
func (s *session) Rcpt(to string, opts *smtp.RcptOptions) (err error) {
	err = errPanicked
	defer s.called(&err)
	err = s.inner.Rcpt(to, opts)
	return err
}

// Reset is RSET, a second EHLO, and the end of every message. go-smtp holds the
// Conn's lock meanwhile: Conn.Session must not be called.
func (s *session) Reset() { s.inner.Reset() }

// Logout is called when the connection closes, with the Conn's lock held, and after
// STARTTLS, which the connection survives.
func (s *session) Logout() error {
	if secure, ok := s.c.Conn().(*tls.Conn); ok {
		s.connection.dialogue.Upgrade(secure.ConnectionState())
	}
	return s.inner.Logout()
}

// run is for the calls that are rarer: the others do without its closure.
func (s *session) run(f func() error) (err error) {
	err = errPanicked
	defer s.called(&err)
	err = f()
	return err
}

// called is deferred where the application's session is called.
func (s *session) called(err *error) {
	s.connection.called(err)
	if s.user != nil && *err != errPanicked { //nolint:errorlint // not wrapped
		s.nameUser()
	}
}

// nameUser names the session's user on the command in progress, where that is new or a span
// shows it. The application's function runs whether it is sampled or not: its panic must not
// make the fate of a message depend on that.
func (s *session) nameUser() {
	defer func() { _ = recover() }()
	name := s.user(s.inner)
	known := s.named.Load()
	if name == "" || known != nil && *known == name && !trace.SpanFromContext(s.connection.dialogue.Context()).IsRecording() {
		return
	}
	s.connection.dialogue.User(name)
	s.named.Store(&name)
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
