package observe

import (
	"crypto/tls"
	"errors"
	"net"
	"reflect"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/rusmes/otelmail"
	"github.com/rusmes/otelmail/internal/tlsrecord"
)

// dialogue is what the connections of all protocols have in common.
type dialogue interface {
	FromClient([]byte)
	FromServer([]byte)
	// Lost says that reading from the client, or writing to it, failed.
	Lost(otelmail.Cause)
	// Sealed reports that the network carries TLS from here on.
	Sealed() bool
	// refused reports that what a server writes on a sealed connection is not TLS: the
	// handshake has failed.
	refused([]byte) bool
	Upgrade(tls.ConnectionState)
	// TLSFailed says that a handshake has failed.
	TLSFailed(error)
	End(otelmail.Cause)
}

// conn is a connection that is observed.
type conn struct {
	nc    net.Conn
	talk  dialogue
	above bool // it carries what the TLS after STARTTLS has decrypted
	// secured says that the dialogue knows the state of TLS, or that there is none.
	secured atomic.Bool
	closed  atomic.Bool
	// client and server are the records of the handshake after STARTTLS, which is done above.
	client, server tlsrecord.Records
}

// Read reads what the client sends.
func (c *conn) Read(p []byte) (int, error) {
	n, err := c.nc.Read(p)
	if !c.secured.Load() {
		c.shaken()
	}
	if n > 0 {
		if c.above || !c.talk.Sealed() {
			c.talk.FromClient(p[:n])
		} else {
			c.shakes(&c.client, p[:n])
		}
	}
	if err != nil {
		c.failed(err)
	}
	return n, err
}

// Write writes what the server answers. It is counted before it is written: when the
// client has read a reply, the reply has been counted.
func (c *conn) Write(p []byte) (int, error) {
	if !c.closed.Load() && (c.secured.Load() || c.handshake()) && (c.above || !c.talk.Sealed() || c.talk.refused(p)) {
		c.talk.FromServer(p)
	} else if !c.above && c.talk.Sealed() {
		c.shakes(&c.server, p)
	}
	n, err := c.nc.Write(p)
	c.lost(err)
	return n, err
}

// shakes looks into what passes below TLS, for what ends the handshake.
func (c *conn) shakes(side *tlsrecord.Records, p []byte) {
	if err := side.Failure(p); err != nil {
		c.talk.TLSFailed(err)
	}
}

// failed tells the dialogue of an error of a Read, or of the handshake that was a part of
// it.
func (c *conn) failed(err error) {
	if !c.secured.Load() {
		c.talk.TLSFailed(err)
		if otelmail.CauseOf(err) == otelmail.CauseOther { // crypto/tls has no type for most of its errors
			c.talk.Lost(otelmail.CauseTLSHandshake)
			return
		}
	}
	c.lost(err)
}

// lost tells the dialogue of an error. A reset is told by the first call after it, which
// may be a Write; it fails with EPIPE where the client had closed before.
func (c *conn) lost(err error) {
	switch {
	case err == nil, errors.Is(err, net.ErrClosed):
	case errors.Is(err, syscall.EPIPE):
		c.talk.Lost(otelmail.CauseEOF)
	default:
		c.talk.Lost(otelmail.CauseOf(err))
	}
}

// Close closes the connection and ends the session. What is written afterwards does
// not count.
func (c *conn) Close() error {
	c.closed.Store(true)
	err := c.nc.Close()
	if c.client.Done() { // in TLS that nobody has told of
		c.talk.Upgrade(tls.ConnectionState{HandshakeComplete: true})
	}
	c.talk.End(otelmail.CauseNone)
	return err
}

// CloseWrite shuts down the writing side; the error is [errors.ErrUnsupported] where
// the connection below has no CloseWrite.
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

// handshake does the handshake that is still to come, so that a greeting that cannot
// be sent does not count. It reports whether the server can be heard.
func (c *conn) handshake() bool {
	if layer, ok := tlsOf(c.nc).(interface{ Handshake() error }); ok {
		if err := layer.Handshake(); err != nil {
			c.failed(err)
			return false
		}
		c.shaken()
	}
	return true
}

// shaken hands on what TLS agreed on, once the handshake is over.
func (c *conn) shaken() {
	layer := tlsOf(c.nc)
	if layer == nil {
		c.secured.Store(true)
		return
	}
	if state := layer.ConnectionState(); state.HandshakeComplete {
		c.secured.Store(true)
		c.talk.Upgrade(state)
	}
}

// tlsLayer is a *tls.Conn, or what has its state.
type tlsLayer interface{ ConnectionState() tls.ConnectionState }

// tlsOf returns the *tls.Conn that a connection is, or is a layer around; nil in
// plaintext.
func tlsOf(nc net.Conn) tlsLayer {
	for range 8 {
		switch layer := nc.(type) {
		case tlsLayer:
			return layer
		case interface{ NetConn() net.Conn }:
			nc = layer.NetConn()
		default:
			if nc = embedded(nc); nc == nil {
				return nil
			}
		}
	}
	return nil
}

// embedded returns the connection that a struct embeds and has no method to return,
// such as that of netutil.LimitListener.
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
		if tlsOf(nc) != nil {
			c.TLS = &tls.ConnectionState{} // the handshake is still to come
		}
		return c
	}
}
