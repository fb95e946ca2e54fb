package otelsmtp

import (
	"context"
	"crypto/tls"
	"net"
	"sync"

	"github.com/emersion/go-smtp"
	semconv "go.opentelemetry.io/otel/semconv/v1.43.0"

	"github.com/rusmes/otelmail"
	"github.com/rusmes/otelmail/mailconv"
)

// connection is what is known of one client's connection, across STARTTLS and
// every smtp.Session on it. It must not lead to the *smtp.Conn, or the registry
// would keep that alive for ever.
type connection struct {
	session otelmail.SMTPSession
	role    otelmail.SMTPRole
	// listened says that a Listener accepted the connection, and ends it.
	listened bool
	// protocolError counts an error of no command; only the wire calls it.
	protocolError func()

	mu sync.Mutex
	// current is the context of the command that runs now, nil for none. BDAT
	// and AUTH have their own, because other commands may run in between.
	current        context.Context
	auth           otelmail.SMTPCommand
	authenticating bool
	transfer       *message       // by BDAT
	data           message        // room for a message by DATA, used again and again
	recipients     []string       // accepted in this transaction
	secured        bool           // TLS is in use
	told           bool           // a command has counted the loss of the connection
	greeting       bool           // NewSession is running
	rejected       otelmail.Reply // the reply of Conn.Reject, called in NewSession
	wire           wire
}

// greeted begins the session of a connection that no Listener has accepted.
func greeted(tel *otelmail.Telemetry, role otelmail.SMTPRole, c *smtp.Conn) *connection {
	about := otelmail.Conn{Remote: c.Conn().RemoteAddr(), Local: c.Conn().LocalAddr()}
	state, secured := c.TLSConnectionState()
	if secured {
		about.TLS = &state
	}
	return &connection{session: tel.SMTP.Session(context.Background(), role, about), role: role, secured: secured}
}

// accepted returns the state of a connection that came through a Listener, nil
// for any other.
func accepted(nc net.Conn) *connection {
	for range 8 { // TLS and perhaps other layers, but no endless loop
		if c, ok := nc.(*conn); ok {
			return &c.connection
		}
		layer, ok := nc.(interface{ NetConn() net.Conn })
		if !ok {
			return nil
		}
		nc = layer.NetConn()
	}
	return nil
}

// describe adds what the Listener could not know when it began the session.
func (c *connection) describe(role otelmail.SMTPRole, sc *smtp.Conn) {
	span := c.session.Span()
	if !span.IsRecording() {
		return
	}
	if role != c.role && role != otelmail.RoleMX {
		span.SetAttributes(mailconv.SMTPRoleKey.String(role.String()))
		if role == otelmail.RoleLMTP {
			span.SetAttributes(semconv.NetworkProtocolName(role.String()))
		}
	}
	if state, ok := sc.TLSConnectionState(); ok && c.secured {
		c.session.Handshake(state)
	}
}

// begin begins a command. If an AUTH was under way, go-smtp has dropped it.
func (c *connection) begin(verb otelmail.SMTPVerb) otelmail.SMTPCommand {
	c.dropAuth()
	cmd := c.session.Command(verb)
	c.mu.Lock()
	c.current = cmd.Context()
	c.mu.Unlock()
	return cmd
}

// end ends a command which go-smtp is about to answer with r.
func (c *connection) end(cmd otelmail.SMTPCommand, r otelmail.Reply) {
	c.mu.Lock()
	c.current = nil
	c.wire.owe(r)
	c.mu.Unlock()
	cmd.End(r)
}

// unclosed ends the session of a connection whose closing nobody will see.
func (c *connection) unclosed() {
	if !c.listened {
		c.session.End(otelmail.CauseNone)
	}
}

// clear forgets the transaction: RSET, a second EHLO, the end of every message,
// and with cause EOF the end of the session.
func (c *connection) clear(cause otelmail.Cause) {
	c.mu.Lock()
	over := c.abandon(cause)
	c.recipients = c.recipients[:0]
	if !c.wire.crashed {
		c.wire.owed = 0 // all that go-smtp had to write has been written
	}
	c.mu.Unlock()
	over.endAbandoned()
}

// noticeTLS looks whether STARTTLS has succeeded since it was last asked.
func (c *connection) noticeTLS(sc *smtp.Conn) (upgraded bool) {
	c.mu.Lock()
	tc, ok := sc.Conn().(*tls.Conn)
	if !ok || c.secured {
		c.mu.Unlock()
		return false
	}
	c.secured = true
	startTLS, begun := c.wire.seal()
	c.mu.Unlock()
	if !begun { // nobody has seen it begin
		startTLS = c.session.Command(otelmail.SMTPStartTLS)
	}
	startTLS.End(otelmail.Reply{Code: 220, Enhanced: otelmail.EnhancedCode{2, 0, 0}})
	c.session.Upgrade(tc.ConnectionState())
	return true
}
