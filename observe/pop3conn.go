package observe

import (
	"crypto/tls"
	"net"

	"github.com/rusmes/otelmail"
)

// POP3Conn is a connection of a POP3 server that records what is said on it. The
// server uses it in place of the one it was made of.
type POP3Conn struct {
	conn
	*POP3Dialogue
}

// POP3 returns nc, observed. nc carries plaintext: what was accepted, or for implicit
// TLS the *tls.Conn; one that is observed already is returned as it is. The session
// begins with the first Read or Write, and ends with the Close of what is returned:
// closing nc leaves it open. POP3 may be called in an accept loop: nc is not asked for its
// address before the session begins. A nil tel records nothing.
func POP3(tel *otelmail.Telemetry, nc net.Conn) *POP3Conn {
	if observed, twice := nc.(*POP3Conn); twice {
		return observed
	}
	d := newPOP3Dialogue(tel, about(nc))
	return &POP3Conn{conn{nc: nc, talk: d}, d}
}

// Upgrade returns the connection to go on with after STLS (RFC 2595 section 4): secure, which
// the server has put on top of this one, observed. The handshake may be done already,
// or come with the first Read or Write. What this one carries from +OK to STLS on is TLS, and
// is not looked at.
func (c *POP3Conn) Upgrade(secure *tls.Conn) *POP3Conn {
	up := &POP3Conn{conn{nc: secure, talk: c.POP3Dialogue, above: true}, c.POP3Dialogue}
	up.shaken()
	return up
}
