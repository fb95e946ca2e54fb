package otelsmtp

import (
	"crypto/tls"
	"net"

	"github.com/emersion/go-smtp"

	"github.com/rusmes/otelmail"
)

// Option configures [Wrap].
type Option interface{ applyBackend(*backendConfig) }

// ListenerOption configures [Listener].
type ListenerOption interface{ applyListener(*listenerConfig) }

// RoleOption configures both [Wrap] and [Listener].
type RoleOption struct{ role otelmail.SMTPRole }

type backendConfig struct {
	role otelmail.SMTPRole
	user func(smtp.Session) string
}

type listenerConfig struct {
	role    otelmail.SMTPRole
	tls     *tls.Config
	blocked func(net.Addr) bool
	limit   int
}

type backendOption func(*backendConfig)

func (f backendOption) applyBackend(c *backendConfig) { f(c) }

type listenerOption func(*listenerConfig)

func (f listenerOption) applyListener(c *listenerConfig) { f(c) }

func (o RoleOption) applyBackend(c *backendConfig)   { c.role = o.role }
func (o RoleOption) applyListener(c *listenerConfig) { c.role = o.role }

// WithRole says what the server is for: smtp.role on the spans. Default
// [otelmail.RoleMX]; a server in LMTP mode is [otelmail.RoleLMTP] by itself.
// Given to Wrap alone it is enough, but for the sessions of clients that never
// say EHLO, which only the Listener sees.
func WithRole(role otelmail.SMTPRole) RoleOption { return RoleOption{role} }

// WithUser names the authenticated user of one of the backend's own sessions,
// "" for none; the name appears on spans as the privacy policy allows. It is
// called when a command that is sampled ends. Default: no user on spans.
func WithUser(user func(smtp.Session) string) Option {
	return backendOption(func(c *backendConfig) { c.user = user })
}

// Block refuses a connection when blocked says so of the client's address: the
// reply is 554 5.7.1 (RFC 5321 section 3.1), and the connection counts in
// smtp_connections_rejected_blocked_total alone. It runs in Accept, one
// connection at a time: it must be quick. Default: nobody is blocked.
func Block(blocked func(client net.Addr) bool) ListenerOption {
	return listenerOption(func(c *listenerConfig) { c.blocked = blocked })
}

// MaxConnections refuses a connection while n others are open: the reply is
// 421 4.3.2 (RFC 3463 section 3.4), and the connection counts in
// smtp_connections_rejected_overload_total alone. Default, and for 0 and less:
// no limit.
func MaxConnections(n int) ListenerOption {
	return listenerOption(func(c *listenerConfig) { c.limit = n })
}

// ImplicitTLS has every connection begin with TLS (RFC 8314), as
// [tls.NewListener] does: give it in place of that, with the same
// configuration. Refused connections are then closed without a reply, which
// could not be read in a handshake. Default: connections begin in plaintext,
// and STARTTLS may upgrade them.
func ImplicitTLS(config *tls.Config) ListenerOption {
	if config == nil { // never fall back to plaintext: without a certificate, handshakes fail
		config = &tls.Config{}
	}
	return listenerOption(func(c *listenerConfig) { c.tls = config })
}
