package otelsmtp

import (
	"crypto/tls"

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
	var inner smtp.Session
	err := b.connection.run(func() (err error) {
		inner, err = b.next.NewSession(c)
		return err
	})
	if err != nil || inner == nil {
		return inner, err
	}
	return wrapSession(&session{inner: inner, c: c, connection: b.connection}), nil
}

func (c *connection) greeted(conn *smtp.Conn) {
	c.conn.Store(conn)
	if secure, ok := conn.Conn().(*tls.Conn); ok {
		c.secure.Store(secure)
		c.dialogue.Upgrade(secure.ConnectionState())
	}
}

// run calls the application's backend. A panic is passed on, and noted: the reply 421
// does not say what lies behind it.
func (c *connection) run(f func() error) error {
	returned := false
	defer func() {
		if !returned {
			c.dialogue.Cause(otelmail.CausePanic)
		}
	}()
	err := f()
	returned = true
	if e, ok := err.(*smtp.SMTPError); ok && e == nil { //nolint:errorlint // go-smtp asserts like this, and panics
		c.dialogue.Cause(otelmail.CausePanic)
	}
	return err
}
