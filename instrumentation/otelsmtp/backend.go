package otelsmtp

import (
	"crypto/tls"
	"errors"

	"github.com/emersion/go-smtp"

	"github.com/rusmes/otelmail"
)

// backend stands before the application's for one connection. It counts nothing: it
// gives contexts, and tells what the wire does not.
type backend struct {
	next       smtp.Backend
	connection *connection
}

// NewSession is called at the first EHLO, HELO or LHLO; at the first after STARTTLS;
// and again after it has returned an error.
func (b *backend) NewSession(c *smtp.Conn) (smtp.Session, error) {
	b.connection.greeted(c)
	inner, err := b.newSession(c)
	if err != nil || inner == nil {
		return inner, err
	}
	s := &session{inner: inner, c: c, connection: b.connection, user: b.connection.server.config.user}
	s.message.dialogue = b.connection.dialogue
	return wrapSession(s), nil
}

func (b *backend) newSession(c *smtp.Conn) (inner smtp.Session, err error) {
	err = errPanicked
	defer b.connection.called(&err)
	inner, err = b.next.NewSession(c)
	return inner, err
}

func (c *connection) greeted(conn *smtp.Conn) {
	c.conn.Store(conn)
	if secure, ok := conn.Conn().(*tls.Conn); ok {
		c.secure.Store(secure)
		c.dialogue.Upgrade(secure.ConnectionState())
	}
}

// errPanicked is the error of a call to the application's backend until it has returned.
var errPanicked = errors.New("otelsmtp: the backend has panicked")

// called is deferred where the application's backend is called. A panic is passed on,
// and noted: the reply 421 does not say what lies behind it.
func (c *connection) called(err *error) {
	if *err == nil {
		return
	}
	if e, ok := (*err).(*smtp.SMTPError); *err == errPanicked || ok && e == nil { //nolint:errorlint // go-smtp asserts like this, and panics
		c.dialogue.Cause(otelmail.CausePanic)
	}
}
