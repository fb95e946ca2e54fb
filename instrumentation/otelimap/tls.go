package otelimap

import (
	"crypto/tls"

	"github.com/rusmes/otelmail"
)

// noticeTLS looks whether STARTTLS has been obeyed, or a handshake has ended,
// since it was last asked. The session survives STARTTLS, and is not told.
func (c *connection) noticeTLS() {
	if c.shaken {
		return
	}
	tc, ok := c.imap.NetConn().(*tls.Conn)
	if !ok {
		return
	}
	if !c.secured {
		c.secured = true
		c.mu.Lock()
		seen := c.link != nil // go-imap's answer has been read on the wire
		facts := c.facts("")
		c.wire.visible = false
		c.mu.Unlock()
		if !seen {
			c.session.Command(otelmail.IMAPStartTLS, facts).End(otelmail.IMAPOK, otelmail.CauseNone)
		}
	}
	state := tc.ConnectionState()
	if !state.HandshakeComplete {
		return
	}
	c.shaken = true
	if c.implied {
		c.session.Handshake(state)
		return
	}
	c.session.Upgrade(state)
}

// unshaken reports whether a TLS handshake has begun and not succeeded. With
// implicit TLS only a Listener knows whether the client has begun it: probes of
// load balancers do not.
func (c *connection) unshaken() bool {
	switch {
	case !c.secured || c.shaken:
		return false
	case c.implied:
		return c.link != nil && c.link.heard.Load()
	}
	return true
}
