package otelimap

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"os"
	"reflect"
	"sync"
	"sync/atomic"
	"syscall"

	"github.com/emersion/go-imap/v2/imapserver"

	"github.com/rusmes/otelmail"
	"github.com/rusmes/otelmail/internal/tlsrecord"
	"github.com/rusmes/otelmail/observe"
)

// connection is a client's connection: below its TLS, if it has any. It notes how it
// ends; what is said on it comes by the tap.
type connection struct {
	net.Conn
	server   *Server
	implicit bool // TLS from the beginning

	dialogue atomic.Pointer[observe.IMAPDialogue] // nil until the session begins
	imap     *imapserver.Conn
	session  imapserver.Session
	shaken   atomic.Bool   // the TLS handshake has been noted
	cause    atomic.Uint32 // the otelmail.Cause for which imapserver hangs up
	failure  atomic.Uint32 // and that for which reading or writing last failed
	left     atomic.Bool   // the client has closed its side
	goodbye  atomic.Bool   // it is being said
	// received and sent are the records of the handshake after STARTTLS, which imapserver does.
	received, sent tlsrecord.Records

	mu   sync.Mutex
	over bool // we have hung up: the client seems to have gone
}

// Context returns the context of the command in progress, which carries its span: for
// backends, because go-imap hands none to a session. Between commands, and while a
// client is in IDLE, it carries none. It may be called at any time, from any goroutine.
func Context(c *imapserver.Conn) context.Context {
	if l, ok := linkOf(c.NetConn()); ok {
		if d := l.dialogue.Load(); d != nil {
			return d.Context()
		}
	}
	return context.Background()
}

// linkOf is our connection below another one.
func linkOf(nc net.Conn) (*connection, bool) {
	for nc != nil {
		switch c := nc.(type) {
		case *connection:
			return c, true
		case interface{ NetConn() net.Conn }:
			nc = c.NetConn()
			continue
		}
		// imapserver puts a struct with an embedded net.Conn below TLS where the client
		// has not waited for the answer to STARTTLS.
		v := reflect.ValueOf(nc)
		if v.Kind() != reflect.Struct {
			break
		}
		if v = v.FieldByName("Conn"); !v.IsValid() || !v.CanInterface() {
			break
		}
		nc, _ = v.Interface().(net.Conn)
	}
	return nil, false
}

// newSession begins the session, in the connection's own goroutine: its address may
// take time to be known.
func (c *connection) newSession(ic *imapserver.Conn) (imapserver.Session, *imapserver.GreetingData, error) {
	about := otelmail.Conn{Remote: c.RemoteAddr(), Local: c.LocalAddr()}
	if c.implicit {
		about.TLS = &tls.ConnectionState{} // the handshake is still to come
	}
	opts := []observe.IMAPOption{observe.IMAPInOrder()}
	if user := c.server.config.user; user != nil {
		opts = append(opts, observe.IMAPUser(func(string) string { return user(c.session) }))
	}
	c.imap = ic
	c.dialogue.Store(observe.NewIMAPDialogue(c.server.tel, about, opts...))
	session, greeting, err := c.server.options.NewSession(ic)
	if err == nil && session == nil { // imapserver would call its methods
		err = errNoSession
	}
	c.session = session
	return session, greeting, err
}

var errNoSession = errors.New("otelimap: new session: neither a session nor an error")

// NetConn returns the connection below, as [tls.Conn.NetConn] does.
func (c *connection) NetConn() net.Conn { return c.Conn }

// Read notes why nothing more comes.
func (c *connection) Read(b []byte) (int, error) {
	n, err := c.Conn.Read(b)
	if errors.Is(err, os.ErrDeadlineExceeded) && c.hungUp() {
		err = io.EOF
	}
	if n > 0 { // after a timeout imapserver may read on
		c.failure.CompareAndSwap(uint32(otelmail.CauseTimeout), 0)
		c.shakes(&c.received, b[:n])
	}
	c.lost(err)
	return n, err
}

// Write notes why nothing more can be sent.
func (c *connection) Write(b []byte) (int, error) {
	c.shakes(&c.sent, b)
	n, err := c.Conn.Write(b)
	c.lost(err)
	return n, err
}

// shakes looks into a handshake that imapserver does, for what ends it.
func (c *connection) shakes(side *tlsrecord.Records, b []byte) {
	if d := c.dialogue.Load(); d != nil && !c.shaken.Load() && d.Sealed() {
		if err := side.Failure(b); err != nil {
			d.TLSFailed(err)
		}
	}
}

func (c *connection) lost(err error) {
	switch {
	case err == nil, errors.Is(err, net.ErrClosed), c.left.Load():
	case errors.Is(err, io.EOF), errors.Is(err, syscall.EPIPE): // Write fails so where the client had closed before
		c.left.Store(c.failure.Load() == 0) // to read on after a reset looks like an end
	default:
		c.failure.Store(uint32(otelmail.CauseOf(err)))
	}
}

// Close ends the session.
func (c *connection) Close() error {
	err := c.Conn.Close()
	if d := c.dialogue.Load(); d != nil {
		d.End(c.whyEnded(d))
	}
	c.server.mu.Lock()
	delete(c.server.conns, c)
	c.server.mu.Unlock()
	return err
}

// whyEnded tells the dialogue what the network has told, which goes before what
// imapserver makes of it.
func (c *connection) whyEnded(d *observe.IMAPDialogue) otelmail.Cause {
	cause, failure := otelmail.Cause(c.cause.Load()), otelmail.Cause(c.failure.Load())
	left := c.leftInTLS(d) || c.left.Load()
	switch {
	case cause == otelmail.CausePanic:
		return cause
	case left:
		d.Lost(otelmail.CauseEOF)
	case failure != otelmail.CauseNone:
		d.Lost(failure)
	default:
		return cause
	}
	return otelmail.CauseNone
}

// leftInTLS has a last look at the TLS of a connection that is closed: it may have
// come about, and the client may have left, without another word of either.
func (c *connection) leftInTLS(d *observe.IMAPDialogue) bool {
	tc := c.secure()
	if tc == nil || !tc.ConnectionState().HandshakeComplete {
		return false
	}
	c.handshake(d, tc)
	_, err := tc.Read(make([]byte, 1)) // TLS remembers why it could not be read
	return errors.Is(err, io.EOF)
}

// handshake notes what TLS has agreed on.
func (c *connection) handshake(d *observe.IMAPDialogue, tc *tls.Conn) {
	if !c.shaken.Swap(true) {
		d.Upgrade(tc.ConnectionState())
	}
}

// secure is the TLS in use, nil for none.
func (c *connection) secure() *tls.Conn {
	tc, ok := c.imap.NetConn().(*tls.Conn)
	if !ok {
		tc, _ = c.Conn.(*tls.Conn)
	}
	return tc
}

// closeTop closes the connection from above, so that TLS says so.
func (c *connection) closeTop() {
	if c.dialogue.Load() != nil {
		if tc := c.secure(); tc != nil {
			_ = tc.Close()
		}
	}
	_ = c.Close() // also where it is closed already
}
