package otelsmtp

import (
	"crypto/tls"
	"errors"
	"io"
	"net"
	"sync/atomic"

	"github.com/rusmes/otelmail"
)

// conn is a connection that a Listener has accepted.
type conn struct {
	net.Conn
	connection
	listener *listener
	tls      *tls.Conn   // above this one, with implicit TLS
	heard    atomic.Bool // the client has sent something
	closed   atomic.Bool
}

// NetConn returns the connection below, as [tls.Conn.NetConn] does.
func (c *conn) NetConn() net.Conn { return c.Conn }

// Read notes why a connection broke: go-smtp tells nobody.
func (c *conn) Read(b []byte) (int, error) {
	n, err := c.Conn.Read(b)
	switch {
	case err != nil && !errors.Is(err, io.EOF) && !errors.Is(err, net.ErrClosed):
		c.wire.failure.Store(uint32(otelmail.CauseOf(err)))
	case n > 0:
		if !c.heard.Load() {
			c.heard.Store(true)
		}
		if c.wire.failure.Load() != 0 { // a timeout during DATA does not end the session
			c.wire.failure.Store(0)
		}
	}
	return n, err
}

// Write has a look at the replies.
func (c *conn) Write(b []byte) (int, error) {
	c.wrote(b)
	return c.Conn.Write(b)
}

// Close ends the session.
func (c *conn) Close() error {
	err := c.Conn.Close()
	if c.closed.Swap(true) {
		return err
	}
	c.listener.release()
	if c.tls != nil {
		// Whether the handshake succeeded is only told under a lock which the
		// caller may hold: a callback of the tls.Config may close.
		go c.finish()
		return err
	}
	c.finish()
	return err
}

func (c *conn) finish() {
	c.mu.Lock()
	c.wire.over = true
	startTLS, begun := c.wire.seal()
	c.mu.Unlock()
	if begun {
		// A failed handshake would have been answered. This one was followed by
		// nothing, and go-smtp had no session to log out.
		startTLS.End(otelmail.Reply{Code: 220, Enhanced: otelmail.EnhancedCode{2, 0, 0}})
		c.session.Upgrade(tls.ConnectionState{HandshakeComplete: true})
	}
	c.session.End(c.cause())
}

// cause is why the session broke, if it did: each break counts once.
func (c *conn) cause() otelmail.Cause {
	c.mu.Lock()
	told := c.told
	c.mu.Unlock()
	switch {
	case told:
		return otelmail.CauseNone
	case c.wire.broken() != otelmail.CauseNone:
		return c.wire.broken()
	case c.tls != nil && c.heard.Load() && !c.tls.ConnectionState().HandshakeComplete:
		return otelmail.CauseTLSHandshake
	}
	return otelmail.CauseNone
}
