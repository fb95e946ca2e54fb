package observe

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"sync"
	"sync/atomic"

	"github.com/rusmes/otelmail"
)

// POP3Conn is a connection of a POP3 server whose dialogue is followed. It passes
// every byte on as it is and when it comes; deadlines and addresses are those of
// the connection within.
type POP3Conn struct {
	net.Conn
	talk *pop3Talk
	tls  interface{ ConnectionState() tls.ConnectionState } // nil in plaintext
	// upgraded says that the TLS began with STLS.
	upgraded bool
	shaken   atomic.Bool // the handshake is known to be done
	// ciphertext says that the dialogue is followed above the TLS that this carries.
	ciphertext atomic.Bool
}

// pop3Talk is what a connection and the one above it after STLS have in common.
type pop3Talk struct {
	tel      *otelmail.Telemetry
	begin    sync.Once
	dialogue *POP3Dialogue
	// How the last Read and the last Write ended, as causes. A deadline that has
	// passed is no end, so the next one may do better.
	reading, writing atomic.Uint32
}

// POP3 follows the dialogue on a connection that a server has accepted: its
// session, and a command for each line, counted and traced. Read and write through
// what it returns, and close it. conn carries plaintext to the server, so a
// [tls.Conn] for implicit TLS goes inside of it. For STLS see [POP3Conn.Upgrade].
// A nil tel records nothing.
//
// The session begins with the first Read, Write or Close, which is when the
// address of the client is asked for.
func POP3(tel *otelmail.Telemetry, conn net.Conn) *POP3Conn {
	c := &POP3Conn{Conn: conn, talk: &pop3Talk{tel: tel}}
	c.tls, _ = conn.(interface{ ConnectionState() tls.ConnectionState })
	return c
}

// Upgrade follows the session into TLS. Call it when STLS is accepted, before or
// after the handshake, and use what it returns in place of secure:
//
//	conn = conn.Upgrade(tls.Server(conn, config))
func (c *POP3Conn) Upgrade(secure *tls.Conn) *POP3Conn {
	c.ciphertext.Store(true)
	return &POP3Conn{Conn: secure, talk: c.talk, tls: secure, upgraded: true}
}

// NetConn is the connection within.
func (c *POP3Conn) NetConn() net.Conn { return c.Conn }

// Context is that of the command in progress; see [POP3Dialogue.Context].
func (c *POP3Conn) Context() context.Context { return c.follow().Context() }

// User notes who logs in; see [POP3Dialogue.User].
func (c *POP3Conn) User(name string) { c.follow().User(name) }

// End ends the session before Close does, for a reason that the connection does
// not show: [otelmail.CausePanic] for example.
func (c *POP3Conn) End(cause otelmail.Cause) { c.follow().End(cause) }

// Read implements [net.Conn].
func (c *POP3Conn) Read(p []byte) (int, error) {
	if c.ciphertext.Load() {
		return c.Conn.Read(p)
	}
	d := c.follow()
	n, err := c.Conn.Read(p)
	c.talk.reading.Store(uint32(c.cause(d, err)))
	if n > 0 {
		d.FromClient(p[:n])
	}
	return n, err
}

// Write implements [net.Conn]. What is written is told first: when the client has
// read a reply, it has been counted.
func (c *POP3Conn) Write(p []byte) (int, error) {
	if c.ciphertext.Load() {
		return c.Conn.Write(p)
	}
	d := c.follow()
	c.cause(d, nil)
	d.FromServer(p)
	n, err := c.Conn.Write(p)
	c.talk.writing.Store(uint32(c.cause(d, err)))
	return n, err
}

// Close implements [net.Conn], and ends the session.
func (c *POP3Conn) Close() error {
	cause := otelmail.Cause(c.talk.reading.Load())
	if cause == otelmail.CauseNone {
		cause = otelmail.Cause(c.talk.writing.Load())
	}
	c.follow().End(cause) // first: who sees the connection closed may look at once
	return c.Conn.Close()
}

// follow begins the session, once.
func (c *POP3Conn) follow() *POP3Dialogue {
	c.talk.begin.Do(func() {
		about := otelmail.Conn{Remote: c.RemoteAddr(), Local: c.LocalAddr()}
		if c.tls != nil {
			state := c.tls.ConnectionState()
			about.TLS = &state
			c.shaken.Store(state.HandshakeComplete)
		}
		c.talk.dialogue = NewPOP3Dialogue(c.talk.tel, about)
	})
	return c.talk.dialogue
}

// cause is why a Read or Write has failed. It notes the handshake that the first
// of them does, before what is said after it.
func (c *POP3Conn) cause(d *POP3Dialogue, err error) otelmail.Cause {
	shaken := c.tls == nil || c.shaken.Load()
	if !shaken {
		state := c.tls.ConnectionState()
		if shaken = state.HandshakeComplete; shaken && !c.shaken.Swap(true) {
			if c.upgraded {
				d.Upgrade(state)
			} else {
				d.session.Handshake(state)
			}
		}
	}
	cause := otelmail.CauseOf(err)
	switch {
	case errors.Is(err, io.EOF): // the client has left, which is no failure
		return otelmail.CauseNone
	case err != nil && !shaken && cause != otelmail.CauseTimeout && cause != otelmail.CauseReset:
		return otelmail.CauseTLSHandshake
	}
	return cause
}
