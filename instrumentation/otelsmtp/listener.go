package otelsmtp

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	"sync"

	"github.com/rusmes/otelmail"
)

// Listener returns a listener that begins a session in tel for every connection
// it accepts and ends it when that closes, and that refuses connections. Give
// it what [net.Listen] returns, and its result to Server.Serve, whose Backend
// is from [Wrap] with the same tel. For implicit TLS use [ImplicitTLS]; around
// a listener that already speaks TLS, Accept fails, because go-smtp would no
// longer see that its connections are encrypted. A nil tel records nothing.
func Listener(tel *otelmail.Telemetry, l net.Listener, opts ...ListenerOption) net.Listener {
	if tel == nil {
		tel = otelmail.Noop()
	}
	w := &listener{Listener: l, tel: tel, goodbyes: make(chan struct{}, maxGoodbyes)}
	for _, opt := range opts {
		if opt != nil {
			opt.applyListener(&w.config)
		}
	}
	return w
}

type listener struct {
	net.Listener
	tel      *otelmail.Telemetry
	config   listenerConfig
	goodbyes chan struct{} // one for each refusal being written

	mu   sync.Mutex
	open int
}

var errTLSInside = errors.New("otelsmtp: accept: the connection already speaks TLS: " +
	"give Listener a listener without TLS, and the option ImplicitTLS")

// Accept returns the next connection that is not refused.
func (l *listener) Accept() (net.Conn, error) {
	for {
		nc, err := l.Listener.Accept()
		if err != nil {
			return nil, err
		}
		if _, ok := nc.(*tls.Conn); ok {
			_ = nc.Close()
			return nil, errTLSInside
		}
		switch {
		case l.config.blocked != nil && l.config.blocked(nc.RemoteAddr()):
			l.refuse(nc, otelmail.RefusedBlocked, "554 5.7.1 Your address is blocked\r\n")
		case !l.take():
			l.refuse(nc, otelmail.RefusedOverload, "421 4.3.2 Too many connections, try again later\r\n")
		default:
			return l.begin(nc), nil
		}
	}
}

func (l *listener) begin(nc net.Conn) net.Conn {
	about := otelmail.Conn{Remote: nc.RemoteAddr(), Local: nc.LocalAddr()}
	if l.config.tls != nil {
		about.TLS = &tls.ConnectionState{} // the handshake is still to come
	}
	c := &conn{Conn: nc, listener: l}
	c.role = l.config.role
	c.listened = true
	c.session = l.tel.SMTP.Session(context.Background(), c.role, about)
	c.protocolError = l.tel.SMTP.ProtocolError
	if l.config.tls == nil {
		c.wire.mode = plaintext
		return c
	}
	c.secured = true
	c.tls = tls.Server(c, l.config.tls)
	return c.tls
}

// take takes one of the places of MaxConnections, if one is left.
func (l *listener) take() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.config.limit > 0 && l.open >= l.config.limit {
		return false
	}
	l.open++
	return true
}

func (l *listener) release() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.open--
}
