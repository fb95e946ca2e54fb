package observe

import (
	"crypto/tls"
	"net"

	"github.com/rusmes/otelmail"
)

// SMTPConn is a connection of an SMTP, submission or LMTP server that records what
// is said on it. The server uses it in place of the one it was made of.
type SMTPConn struct {
	conn
	*SMTPDialogue
}

// SMTP returns nc, observed. nc carries plaintext: what was accepted, or for implicit
// TLS the *tls.Conn; one that is observed already is returned as it is. The session
// begins with the first Read or Write, and ends with the Close of what is returned:
// closing nc leaves it open. SMTP may be called in an accept loop: nc is not asked for its
// address before the session begins. A nil tel records nothing.
func SMTP(tel *otelmail.Telemetry, nc net.Conn, opts ...SMTPOption) *SMTPConn {
	if observed, twice := nc.(*SMTPConn); twice {
		return observed
	}
	d := newSMTPDialogue(tel, about(nc), opts)
	return &SMTPConn{conn{nc: nc, talk: d}, d}
}

// Upgrade returns the connection to go on with after STARTTLS (RFC 3207): secure,
// which the server has put on top of this one, observed. The handshake may be done
// already, or come with the first Read or Write. What this one carries from the reply
// 220 on is TLS, and is not looked at.
func (c *SMTPConn) Upgrade(secure *tls.Conn) *SMTPConn {
	up := &SMTPConn{conn{nc: secure, talk: c.SMTPDialogue, above: true}, c.SMTPDialogue}
	up.shaken()
	return up
}
