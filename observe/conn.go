package observe

import (
	"crypto/tls"
	"errors"
	"net"
	"reflect"
	"sync/atomic"
	"time"

	"github.com/rusmes/otelmail"
)

// dialogue is what the connections of all protocols have in common.
type dialogue interface {
	FromClient([]byte)
	FromServer([]byte)
	// Lost tells that reading from the client failed.
	Lost(otelmail.Cause)
	// Sealed reports that the network carries TLS from here on.
	Sealed() bool
	// refused reports that what a server writes on a sealed connection is no TLS: the
	// handshake has failed.
	refused([]byte) bool
	Upgrade(tls.ConnectionState)
	End(otelmail.Cause)
}

// conn is a connection that is listened to.
type conn struct {
	nc    net.Conn
	talk  dialogue
	above bool // of the TLS that STARTTLS brought
	// secured says that TLS' state was told, or that there is none.
	secured atomic.Bool
	closed  atomic.Bool
}

// Read reads what the client sends.
func (c *conn) Read(p []byte) (int, error) {
	n, err := c.nc.Read(p)
	if n > 0 {
		c.shaken()
	}
	if n > 0 && (c.above || !c.talk.Sealed()) {
		c.talk.FromClient(p[:n])
	}
	if err != nil {
		if cause := otelmail.CauseOf(err); !errors.Is(err, net.ErrClosed) {
			c.talk.Lost(cause)
		}
	}
	return n, err
}

// Write writes what the server answers. It is told first: when the client has read
// a reply, the reply has been counted.
func (c *conn) Write(p []byte) (int, error) {
	if !c.closed.Load() && (c.above || !c.talk.Sealed() || c.talk.refused(p)) {
		c.talk.FromServer(p)
	}
	n, err := c.nc.Write(p)
	if err != nil && !c.secured.Load() { // a server that greets does the handshake here
		c.talk.Lost(otelmail.CauseOf(err))
	}
	return n, err
}

// Close closes the connection and ends the session. What a handler says afterwards
// nobody hears, and it does not count.
func (c *conn) Close() error {
	c.closed.Store(true)
	err := c.nc.Close()
	c.talk.End(otelmail.CauseNone)
	return err
}

// CloseWrite shuts down the writing side where the connection below can.
func (c *conn) CloseWrite() error {
	if half, ok := c.nc.(interface{ CloseWrite() error }); ok {
		return half.CloseWrite()
	}
	return errors.ErrUnsupported
}

// NetConn returns the connection below, as [tls.Conn.NetConn] does.
func (c *conn) NetConn() net.Conn { return c.nc }

// LocalAddr returns the server's address.
func (c *conn) LocalAddr() net.Addr { return c.nc.LocalAddr() }

// RemoteAddr returns the client's address.
func (c *conn) RemoteAddr() net.Addr { return c.nc.RemoteAddr() }

// SetDeadline sets both deadlines.
func (c *conn) SetDeadline(t time.Time) error { return c.nc.SetDeadline(t) }

// SetReadDeadline sets the deadline of Read.
func (c *conn) SetReadDeadline(t time.Time) error { return c.nc.SetReadDeadline(t) }

// SetWriteDeadline sets the deadline of Write.
func (c *conn) SetWriteDeadline(t time.Time) error { return c.nc.SetWriteDeadline(t) }

// shaken tells what implicit TLS agreed on as soon as it has.
func (c *conn) shaken() {
	if c.secured.Load() {
		return
	}
	state, ok := stateOf(c.nc)
	if !ok || state.HandshakeComplete {
		c.secured.Store(true)
	}
	if ok && state.HandshakeComplete {
		c.talk.Upgrade(state)
	}
}

// stateOf returns the state of a connection that carries what TLS has decrypted: of a
// *tls.Conn, or of layers around one.
func stateOf(nc net.Conn) (tls.ConnectionState, bool) {
	for range 8 {
		switch layer := nc.(type) {
		case interface{ ConnectionState() tls.ConnectionState }:
			return layer.ConnectionState(), true
		case interface{ NetConn() net.Conn }:
			nc = layer.NetConn()
		default:
			if nc = embedded(nc); nc == nil {
				return tls.ConnectionState{}, false
			}
		}
	}
	return tls.ConnectionState{}, false
}

// embedded returns the connection that a struct is made around, as that of
// netutil.LimitListener, which has no method to tell.
func embedded(nc net.Conn) net.Conn {
	v := reflect.ValueOf(nc)
	if v.Kind() == reflect.Pointer {
		v = v.Elem()
	}
	if v.Kind() != reflect.Struct {
		return nil
	}
	field, ok := v.Type().FieldByName("Conn")
	if !ok || !field.Anonymous || len(field.Index) != 1 {
		return nil
	}
	inner, _ := v.FieldByIndex(field.Index).Interface().(net.Conn)
	return inner
}

// about describes a connection. RemoteAddr may block, until the header of the PROXY
// protocol has come for example: it is not for an accept loop.
func about(nc net.Conn) func() otelmail.Conn {
	return func() otelmail.Conn {
		c := otelmail.Conn{Remote: nc.RemoteAddr(), Local: nc.LocalAddr()}
		if _, ok := stateOf(nc); ok {
			c.TLS = &tls.ConnectionState{} // the handshake is still to come
		}
		return c
	}
}
