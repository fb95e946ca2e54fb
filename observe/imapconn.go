package observe

import (
	"crypto/tls"
	"net"

	"github.com/rusmes/otelmail"
)

// IMAPConn is a connection of an IMAP server that records what is said on it. The
// server uses it in place of the one it was made of.
type IMAPConn struct {
	conn
	*IMAPDialogue
}

// IMAP returns nc, observed. nc carries plaintext: what was accepted, or for implicit
// TLS the *tls.Conn; one that is observed already is returned as it is. The session
// begins with the first Read or Write, and ends with the Close of what is returned:
// closing nc leaves it open. IMAP may be called in an accept loop: nc is not asked for its
// address before the session begins. A nil tel records nothing.
func IMAP(tel *otelmail.Telemetry, nc net.Conn, opts ...IMAPOption) *IMAPConn {
	if observed, twice := nc.(*IMAPConn); twice {
		return observed
	}
	d := newIMAPDialogue(tel, about(nc), opts)
	return &IMAPConn{conn{nc: nc, talk: d}, d}
}

// Upgrade returns the connection to go on with after STARTTLS (RFC 9051 section
// 6.2.1): secure, which the server has put on top of this one or of the one below it,
// observed. The handshake may be done already, or come with the first Read or Write.
// What this one carries from the OK on is TLS, and is not looked at.
func (c *IMAPConn) Upgrade(secure *tls.Conn) *IMAPConn {
	up := &IMAPConn{conn{nc: secure, talk: c.IMAPDialogue, above: true}, c.IMAPDialogue}
	up.shaken()
	return up
}
