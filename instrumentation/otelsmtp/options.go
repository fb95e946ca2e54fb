package otelsmtp

import (
	"net"

	"github.com/emersion/go-smtp"

	"github.com/rusmes/otelmail"
)

// Option configures [NewServer].
type Option interface{ apply(*config) }

type config struct {
	role    otelmail.SMTPRole
	user    func(smtp.Session) string
	blocked func(net.Addr) bool
	limit   int
}

type option func(*config)

func (f option) apply(c *config) { f(c) }

func configOf(opts []Option) (c config) {
	for _, o := range opts {
		if o != nil {
			o.apply(&c)
		}
	}
	return c
}

// WithRole says what the server is for: smtp.role on the spans. Default
// [otelmail.RoleMX]; a server in LMTP mode is [otelmail.RoleLMTP] by itself.
func WithRole(role otelmail.SMTPRole) Option {
	return option(func(c *config) { c.role = role })
}

// WithUser names the authenticated user of one of the backend's own sessions,
// "" for none; the name appears on spans as the privacy policy allows, and the session's
// messages count in messages_per_sender_total. It is called when the backend has done a
// command, and so must be fast. Default: no user, but of a login
// by PLAIN that fails the one who tried.
func WithUser(user func(smtp.Session) string) Option {
	return option(func(c *config) { c.user = user })
}

// Block refuses a connection when blocked says so of the client's address: the
// reply is 554 5.7.1 (RFC 5321 section 3.1), and the connection counts in
// smtp_connections_rejected_blocked_total alone. It may be called for several
// connections at a time, and what it takes holds up its own connection alone. If it panics,
// the client is let in, and the server's ErrorLog told. Default: nobody is blocked.
func Block(blocked func(client net.Addr) bool) Option {
	return option(func(c *config) { c.blocked = blocked })
}

// MaxConnections refuses a connection while n others of the Server are open: the reply
// is 421 4.3.2 (RFC 3463 section 3.4), and the connection counts in
// smtp_connections_rejected_overload_total alone. Default, and for 0 and less:
// no limit. With implicit TLS a refused connection is closed without a reply, which
// could not be read in a handshake.
func MaxConnections(n int) Option {
	return option(func(c *config) { c.limit = n })
}
