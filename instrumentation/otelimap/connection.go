package otelimap

import (
	"context"
	"crypto/tls"
	"sync"

	"github.com/emersion/go-imap/v2/imapserver"

	"github.com/rusmes/otelmail"
)

// The values of imap.state (RFC 9051 section 3).
const (
	notAuthenticated = "not_authenticated"
	authenticated    = "authenticated"
	selected         = "selected"
)

// connection is what is known of one client's connection. go-imap obeys one
// command at a time; only IDLE runs in a goroutine of its own.
type connection struct {
	session otelmail.IMAPSession
	imap    *imapserver.Conn
	link    *link // nil without a Listener
	secured bool  // TLS is in use
	implied bool  // it was from the beginning
	shaken  bool  // its handshake has been noted

	mu sync.Mutex
	// What later commands are told with.
	state, user, mailbox string
	command              command
	idle                 idle
	wire                 wire
	// told says that the command that ended last has counted the loss of the
	// connection.
	told bool

	literal  literal  // room for APPEND's message
	exchange exchange // room for AUTHENTICATE's exchange
}

// command is the command in progress. It stays open until go-imap's answer is
// certain, which may be after the method of the session has returned.
type command struct {
	otelmail.IMAPCommand
	verb    otelmail.IMAPVerb
	open    bool
	running bool // a method of the backend's session is being called
}

// accepted begins the session of a connection.
func accepted(tel *otelmail.Telemetry, ic *imapserver.Conn) *connection {
	c := &connection{imap: ic, state: notAuthenticated}
	nc := ic.NetConn()
	about := otelmail.Conn{Remote: nc.RemoteAddr(), Local: nc.LocalAddr()}
	if tc, ok := nc.(*tls.Conn); ok {
		about.TLS = &tls.ConnectionState{} // the handshake is still to come
		c.secured, c.implied = true, true
		nc = tc.NetConn()
	}
	c.session = tel.IMAP.Session(context.Background(), about)
	if l, ok := nc.(*link); ok {
		c.link = l
		if !c.secured {
			c.wire.visible = true
			l.replies.Store(c)
		}
	}
	return c
}

// context is that of the command in progress.
func (c *connection) context() context.Context {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.command.open {
		return c.command.Context()
	}
	return c.session.Context()
}

// facts are those of a command that is about a mailbox; c.mu is held.
func (c *connection) facts(mailbox string) otelmail.IMAPFacts {
	return otelmail.IMAPFacts{User: c.user, Mailbox: mailbox, State: c.state}
}

// visible reports whether go-imap's replies can be read on the wire. They then
// say how commands end; otherwise it follows from what the session returned.
func (c *connection) visible() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.wire.visible
}

// become takes a new state of the session, with what belongs to it.
func (c *connection) become(state, user, mailbox string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.state, c.user, c.mailbox = state, user, mailbox
}

// mailboxChanged notes what SELECT has selected, "" for nothing.
func (c *connection) mailboxChanged(state, mailbox string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.state, c.mailbox = state, mailbox
}
