package otelsmtp

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"github.com/emersion/go-smtp"

	"github.com/rusmes/otelmail"
	"github.com/rusmes/otelmail/observe"
)

// connection is one client's. It is served by an smtp.Server of its own, because
// go-smtp shows what is said inside TLS to one writer for each server.
type connection struct {
	server   *Server
	nc       net.Conn // as accepted
	own      *smtp.Server
	tap      tap
	dialogue *observe.SMTPDialogue

	begun    atomic.Bool // dialogue may be used by others
	leave    sync.Once   // its place
	farewell sync.Once
	conn     atomic.Pointer[smtp.Conn] // since the first EHLO
	secure   atomic.Pointer[tls.Conn]  // since an EHLO inside TLS
}

func (c *connection) serve() {
	s := c.server
	c.own = copyOf(s.smtp)
	c.own.Backend = &backend{next: s.smtp.Backend, connection: c}
	role := s.role()
	served := c.nc
	if tc, ok := c.nc.(*tls.Conn); ok { // go-smtp must see it as it is
		c.dialogue = observe.NewSMTPDialogue(s.tel, otelmail.Conn{
			Remote: tc.RemoteAddr(), Local: tc.LocalAddr(), TLS: &tls.ConnectionState{},
		}, observe.SMTPRole(role))
		c.own.ErrorLog = &failures{c.own.ErrorLog, c.dialogue, tc}
		c.tap.secure = tc
		c.tapInto()
	} else {
		conn := observe.SMTP(s.tel, &closing{c.nc, c}, observe.SMTPRole(role))
		c.dialogue = conn.SMTPDialogue
		served = &plaintext{SMTPConn: conn, connection: c}
	}
	c.begun.Store(true)
	l := &once{conn: served}
	_ = c.own.Serve(l) // in a goroutine of its own, for which Shutdown waits
	_ = c.own.Shutdown(context.Background())
	c.leave.Do(s.release)
	c.dialogue.End(otelmail.CauseNone)
}

// role is what the server is for.
func (s *Server) role() otelmail.SMTPRole {
	if s.smtp.LMTP {
		return otelmail.RoleLMTP
	}
	return s.config.role
}

// tapInto has go-smtp show what it reads and writes, from the next init of its Conn on:
// at once, or after STARTTLS.
func (c *connection) tapInto() {
	c.tap.dialogue, c.tap.next = c.dialogue, c.own.Debug
	c.own.Debug = &c.tap
}

// plaintext is what go-smtp is given for a connection that begins in plaintext.
type plaintext struct {
	*observe.SMTPConn
	connection *connection
	tapped     bool
}

// Write is called for the reply to STARTTLS in the goroutine that then shakes hands.
func (p *plaintext) Write(b []byte) (int, error) {
	n, err := p.SMTPConn.Write(b)
	if !p.tapped && p.Sealed() {
		p.tapped = true
		p.connection.tapInto()
	}
	return n, err
}

// closing gives back the connection's place before its session ends.
type closing struct {
	net.Conn
	connection *connection
}

// NetConn returns the connection below, as [tls.Conn.NetConn] does.
func (c *closing) NetConn() net.Conn { return c.Conn }

// CloseWrite shuts down the writing side where the connection below can.
func (c *closing) CloseWrite() error {
	if half, ok := c.Conn.(interface{ CloseWrite() error }); ok {
		return half.CloseWrite()
	}
	return errors.ErrUnsupported
}

// Close is called once go-smtp has said what it had to say. A failed handshake would
// have been answered: one that was followed by nothing has succeeded.
func (c *closing) Close() error {
	err := c.Conn.Close()
	c.connection.leave.Do(c.connection.server.release)
	if d := c.connection.dialogue; d.Sealed() {
		d.Upgrade(tls.ConnectionState{HandshakeComplete: true})
	}
	return err
}

// once is a listener with one connection.
type once struct{ conn net.Conn }

var errNoMore = errors.New("otelsmtp: one connection for each server")

func (l *once) Accept() (net.Conn, error) {
	if c := l.conn; c != nil {
		l.conn = nil
		return c, nil
	}
	return nil, errNoMore
}
func (l *once) Close() error   { return nil }
func (l *once) Addr() net.Addr { return nil }

// failures takes why a connection broke from go-smtp's log, where it is the last
// argument. A panic's is a stack.
type failures struct {
	smtp.Logger
	dialogue *observe.SMTPDialogue
	secure   *tls.Conn // of implicit TLS
}

func (f *failures) Printf(format string, v ...any) {
	if len(v) > 0 {
		if err, ok := v[len(v)-1].(error); ok && !errors.Is(err, net.ErrClosed) {
			cause := otelmail.CauseOf(err)
			if f.secure != nil && !f.secure.ConnectionState().HandshakeComplete {
				f.dialogue.TLSFailed(err)
				if cause == otelmail.CauseOther { // crypto/tls has no type for most of its errors
					cause = otelmail.CauseTLSHandshake
				}
			}
			f.dialogue.Lost(cause)
		}
	}
	f.Logger.Printf(format, v...)
}

// close closes the connection, and logs its backend's session out.
func (c *connection) close() {
	if conn := c.conn.Load(); conn != nil {
		_ = conn.Close()
		return
	}
	_ = c.nc.Close()
}

// sendAway says goodbye to a client with nothing in progress.
func (c *connection) sendAway() {
	if c.begun.Load() && c.dialogue.Idle() {
		c.farewell.Do(func() { go c.goodbye() })
	}
}

func (c *connection) goodbye() {
	var w net.Conn
	switch secure := c.secure.Load(); {
	case secure != nil:
		w = secure
	case !c.dialogue.Sealed():
		if _, shaking := c.nc.(*tls.Conn); !shaking {
			w = c.nc
		}
	}
	if w != nil && w.SetWriteDeadline(time.Now().Add(goodbyeTime)) == nil {
		_, _ = fmt.Fprintf(w, "421 4.3.2 %s Service shutting down\r\n", c.server.smtp.Domain)
	}
	c.close()
}
