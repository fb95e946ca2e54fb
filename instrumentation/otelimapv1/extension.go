package otelimapv1

import (
	"context"
	"crypto/tls"
	"net"

	"github.com/emersion/go-imap"
	"github.com/emersion/go-imap/server"

	"github.com/rusmes/otelmail"
	"github.com/rusmes/otelmail/observe"
)

// Extension returns what [server.Server.Enable] takes, so that tel records every
// connection of the server. It adds no capability and no command. A nil tel records
// nothing.
func Extension(tel *otelmail.Telemetry) server.ConnExtension { return extension{tel} }

type extension struct{ tel *otelmail.Telemetry }

func (extension) Capabilities(server.Conn) []string    { return nil }
func (extension) Command(string) server.HandlerFactory { return nil }

// NewConn puts an observed connection in place of what was accepted.
func (e extension) NewConn(c server.Conn) server.Conn {
	user := func(string) string {
		if user := c.Context().User; user != nil {
			return user.Username()
		}
		return ""
	}
	observed := &conn{Conn: c}
	// It cannot fail: nothing is said here, and nothing waits for it.
	_ = c.Upgrade(func(nc net.Conn) (net.Conn, error) {
		observed.wire = observe.IMAP(e.tel, nc, observe.IMAPInOrder(), observe.IMAPUser(user))
		return observed.wire, nil
	})
	return observed
}

// conn is a connection whose network connection is observed.
type conn struct {
	server.Conn
	wire *observe.IMAPConn
}

// Upgrade observes what is said inside of TLS.
func (c *conn) Upgrade(upgrader imap.ConnUpgrader) error {
	return c.Conn.Upgrade(func(nc net.Conn) (net.Conn, error) {
		upgraded, err := upgrader(nc)
		if secure, ok := upgraded.(*tls.Conn); ok && err == nil {
			return c.wire.Upgrade(secure), nil
		}
		return upgraded, err
	})
}

// Info tells of TLS, which imap.Conn.Info does not find where it looks.
func (c *conn) Info() *imap.ConnInfo {
	info := c.Conn.Info()
	info.TLS = c.TLSState()
	return info
}

// Context returns the context of the command in progress on a connection, which
// carries its span; between commands, and while the client is in IDLE, it carries none.
// It may be called at any time, from any goroutine.
func Context(c server.Conn) context.Context {
	if c, ok := c.(*conn); ok {
		return c.wire.Context()
	}
	return context.Background()
}
