package otelimap

import (
	"crypto/tls"
	"errors"
	"io"
	"net"
	"sync/atomic"

	"github.com/rusmes/otelmail"
)

// Listener returns a listener whose connections let [Wrap] see what a session is
// not told: why a connection broke and, in plaintext, go-imap's own replies. Give
// it what [net.Listen] returns, and its result to Server.Serve. For implicit TLS
// give its result to [tls.NewListener] first: connections that already speak TLS
// when they get here pass through as they are, with Wrap alone.
func Listener(l net.Listener) net.Listener { return &listener{l} }

type listener struct{ net.Listener }

func (l *listener) Accept() (net.Conn, error) {
	nc, err := l.Listener.Accept()
	if err != nil {
		return nil, err // as it is: go-imap looks what it is
	}
	if _, ok := nc.(*tls.Conn); ok {
		return nc, nil
	}
	return &link{Conn: nc}, nil
}

// link is a connection that a Listener has accepted.
type link struct {
	net.Conn
	replies    atomic.Pointer[connection] // who reads the replies, if they can be read
	heard      atomic.Bool                // the client has sent something
	ended      atomic.Bool                // by the client, or by the server's shutdown
	unreadable atomic.Uint32              // the otelmail.Cause for which reading last failed
	unwritable atomic.Uint32              // likewise writing, for good
}

// NetConn returns the connection below, as [tls.Conn.NetConn] does.
func (l *link) NetConn() net.Conn { return l.Conn }

// Read notes why a connection broke.
func (l *link) Read(b []byte) (int, error) {
	n, err := l.Conn.Read(b)
	switch {
	case err == nil:
		if !l.heard.Load() {
			l.heard.Store(true)
		}
		if l.unreadable.Load() != 0 { // after a timeout go-imap may read on
			l.unreadable.Store(0)
		}
	case errors.Is(err, io.EOF), errors.Is(err, net.ErrClosed):
		if l.unreadable.Load() == 0 { // reading on after a reset looks like an end
			l.ended.Store(true)
		}
	default:
		l.unreadable.Store(uint32(otelmail.CauseOf(err)))
	}
	return n, err
}

// Write has a look at the replies.
func (l *link) Write(b []byte) (int, error) {
	if c := l.replies.Load(); c != nil && !c.wrote(b) {
		l.replies.Store(nil)
	}
	n, err := l.Conn.Write(b)
	if err != nil {
		l.unwritable.Store(uint32(otelmail.CauseOf(err)))
	}
	return n, err
}

// broken is why the connection can no longer be used.
func (l *link) broken() otelmail.Cause {
	if cause := l.unwritable.Load(); cause != 0 {
		return otelmail.Cause(cause)
	}
	return otelmail.Cause(l.unreadable.Load())
}
