package observe

import (
	"crypto/tls"
	"errors"
	"net"
	"sync/atomic"

	"github.com/rusmes/otelmail"
)

// IMAPConn is a connection of an IMAP server's that records what is said on it. The
// server uses it in place of the one it was made of.
type IMAPConn struct {
	net.Conn
	*IMAPDialogue
	shared *imapShared
}

// imapShared is what a connection and the TLS on it have in common.
type imapShared struct {
	tls     atomic.Pointer[tls.Conn] // nil in plaintext
	shaken  atomic.Bool
	closing atomic.Bool
}

// IMAP returns nc, observed. nc carries plaintext: what was accepted, or for implicit
// TLS the *tls.Conn. Bytes are neither changed nor held back. The session begins with
// the first Read or Write, and ends with Close. It may be called in an accept loop: nc
// is not asked for its address before the session begins. A nil tel records nothing.
func IMAP(tel *otelmail.Telemetry, nc net.Conn, opts ...IMAPOption) *IMAPConn {
	shared := &imapShared{}
	tc, secure := nc.(*tls.Conn)
	if secure {
		shared.tls.Store(tc)
	}
	d := newIMAPDialogue(tel, func() otelmail.Conn {
		about := otelmail.Conn{Remote: nc.RemoteAddr(), Local: nc.LocalAddr()}
		if secure {
			about.TLS = &tls.ConnectionState{} // the handshake is still to come
		}
		return about
	}, opts)
	return &IMAPConn{nc, d, shared}
}

// Upgrade returns the connection to go on with after STARTTLS (RFC 9051 section
// 6.2.1): secure, which is on top of this one or of what is below it, observed. What
// this one carries from the OK on is TLS, and is not looked at.
func (c *IMAPConn) Upgrade(secure *tls.Conn) *IMAPConn {
	c.shared.tls.Store(secure)
	return &IMAPConn{secure, c.IMAPDialogue, c.shared}
}

// NetConn returns the connection below, as [tls.Conn.NetConn] does.
func (c *IMAPConn) NetConn() net.Conn { return c.Conn }

// Read reads what the client sends.
func (c *IMAPConn) Read(b []byte) (int, error) {
	n, err := c.Conn.Read(b)
	if n > 0 && c.plain() {
		c.FromClient(b[:n])
	}
	c.lost(err)
	return n, err
}

// Write writes what the server answers. It is counted first: when the client has read
// a reply, the reply has been counted.
func (c *IMAPConn) Write(b []byte) (int, error) {
	if tc := c.shared.tls.Load(); tc == nil || c.Conn != tc || c.shared.shaken.Load() || tc.Handshake() == nil {
		if c.plain() {
			c.FromServer(b)
		}
	}
	n, err := c.Conn.Write(b)
	c.lost(err)
	return n, err
}

func (c *IMAPConn) lost(err error) {
	if err != nil && !errors.Is(err, net.ErrClosed) {
		c.Lost(otelmail.CauseOf(err))
	}
}

// plain reports whether this connection carries plaintext: not if TLS is on it. It
// notes the handshake, which is then over.
func (c *IMAPConn) plain() bool {
	tc := c.shared.tls.Load()
	if tc != nil && c.Conn != tc {
		return false
	}
	if tc != nil && !c.shared.shaken.Swap(true) {
		c.IMAPDialogue.Upgrade(tc.ConnectionState())
	}
	return true
}

// Close closes the connection, and ends the session.
func (c *IMAPConn) Close() error {
	first := !c.shared.closing.Swap(true)
	err := c.Conn.Close()
	if !first { // by the TLS on it
		return err
	}
	if tc := c.shared.tls.Load(); tc != nil && !c.shared.shaken.Load() {
		// Not before: a handshake in progress would have to be waited for.
		if state := tc.ConnectionState(); state.HandshakeComplete {
			c.IMAPDialogue.Upgrade(state)
		}
	}
	c.End(otelmail.CauseNone)
	return err
}
