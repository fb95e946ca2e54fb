package otelsmtp

import (
	"github.com/emersion/go-smtp"

	"github.com/rusmes/otelmail"
)

// Wrap returns a backend that does what b does and records it in tel. Its
// sessions implement [smtp.AuthSession] and [smtp.LMTPSession] exactly when b's
// do. Give it to the server as it is: [Context] looks for it in Server.Backend.
// One wrapped backend may serve several servers. A nil tel records nothing.
func Wrap(tel *otelmail.Telemetry, b smtp.Backend, opts ...Option) smtp.Backend {
	if tel == nil {
		tel = otelmail.Noop()
	}
	w := &backend{tel: tel, next: b}
	for _, opt := range opts {
		if opt != nil {
			opt.applyBackend(&w.config)
		}
	}
	return w
}

type backend struct {
	tel    *otelmail.Telemetry
	next   smtp.Backend
	config backendConfig
	known  registry
}

// NewSession is called at the first EHLO, HELO or LHLO; at the first after
// STARTTLS; and again after it has returned an error.
func (b *backend) NewSession(c *smtp.Conn) (smtp.Session, error) {
	conn := b.connection(c)
	conn.noticeTLS(c)
	verb := otelmail.SMTPEhlo
	if c.Server().LMTP {
		verb = otelmail.SMTPLhlo
	}
	cmd := conn.begin(verb)
	cmd.Helo(c.Hostname())
	conn.greets(true)
	reply := panicked
	defer func() {
		if rejected := conn.greets(false); rejected.Refused() {
			reply = rejected
		}
		conn.end(cmd, reply)
		if reply.Failed() {
			conn.unclosed() // go-smtp will not log out what has not begun
		}
	}()
	inner, err := b.next.NewSession(c)
	if err != nil {
		reply = refusal(err, failed, cmd)
		return inner, err
	}
	reply = otelmail.Reply{Code: 250}
	if inner == nil {
		return nil, nil
	}
	return wrapSession(&session{inner: inner, c: c, conn: conn, user: b.config.user}), nil
}

// connection returns what is known of c: from an earlier EHLO, from the
// Listener, or nothing yet.
func (b *backend) connection(c *smtp.Conn) *connection {
	if conn := b.known.find(c); conn != nil {
		return conn
	}
	role := b.config.role
	if c.Server().LMTP {
		role = otelmail.RoleLMTP
	}
	conn := accepted(c.Conn())
	if conn == nil {
		conn = greeted(b.tel, role, c)
	} else {
		conn.describe(role, c)
	}
	b.known.add(c, conn)
	return conn
}

// greets notes that NewSession is running, or is over. It returns the reply that
// the backend has given meanwhile with Conn.Reject, if the Listener has seen one.
func (c *connection) greets(now bool) otelmail.Reply {
	c.mu.Lock()
	defer c.mu.Unlock()
	rejected := c.rejected
	c.greeting, c.rejected = now, otelmail.Reply{}
	return rejected
}
