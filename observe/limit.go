package observe

import (
	"io"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"github.com/rusmes/otelmail"
)

// Limit returns a listener that accepts from l while fewer than n connections are open that it
// has accepted, and closes the others at once, without a word: for JMAP, and below the
// TLS of implicit TLS, as in tls.NewListener(observe.Limit(l, 500), config). n of 0 and less is
// no limit. Nothing counts the connections that it closes.
//
// It bounds the file descriptors that clients hold. A listener that leaves clients waiting, such
// as that of golang.org/x/net/netutil, does that too; but a client that is refused tries
// another server, or later, and need not wait until it gives up.
func Limit(l net.Listener, n int) net.Listener { return limit(l, n, nil) }

// LimitIMAP is [Limit] for IMAP without implicit TLS: the client is told
// "* BYE [UNAVAILABLE]" (RFC 9051 section 7.1.5, RFC 5530 section 3). A connection that is refused
// counts once in imap_connections_total and once in imap_errors_total. For a server on
// go-smtp there is otelsmtp.MaxConnections. A nil tel records nothing.
func LimitIMAP(tel *otelmail.Telemetry, l net.Listener, n int) net.Listener {
	return limit(l, n, func(nc net.Conn) (io.Closer, string) {
		c := IMAP(tel, nc)
		c.begin()
		c.session.ProtocolError()
		return c, "* BYE [UNAVAILABLE] Too many connections, try again later\r\n"
	})
}

// LimitPOP3 is [Limit] for POP3 without implicit TLS: the client is told
// "-ERR [SYS/TEMP]" (RFC 3206). No series counts refusals of POP3; a connection that
// is refused counts in tls_sessions_total. A nil tel records nothing.
func LimitPOP3(tel *otelmail.Telemetry, l net.Listener, n int) net.Listener {
	return limit(l, n, func(nc net.Conn) (io.Closer, string) {
		c := POP3(tel, nc)
		c.begin()
		return c, "-ERR [SYS/TEMP] Too many connections, try again later\r\n"
	})
}

func limit(l net.Listener, n int, refuse func(net.Conn) (io.Closer, string)) net.Listener {
	if n <= 0 {
		return l
	}
	return &limited{Listener: l, most: int64(n), refuse: refuse, goodbyes: make(chan struct{}, maxGoodbyes)}
}

// limited is a listener with a limit.
type limited struct {
	net.Listener
	most     int64
	open     atomic.Int64
	refuse   func(net.Conn) (session io.Closer, reply string) // nil is without a word
	goodbyes chan struct{}                                    // one for each refusal that is being said
}

// How much a client that is refused may cost: so many at once get to read why, and have so long
// to do it. All others are closed without a word, and count like them.
const (
	maxGoodbyes = 64
	goodbyeTime = 2 * time.Second
	goodbyeRead = 4096
)

// Accept implements [net.Listener].
func (l *limited) Accept() (net.Conn, error) {
	for {
		nc, err := l.Listener.Accept()
		if err != nil {
			return nil, err
		}
		if l.open.Add(1) <= l.most {
			return &place{Conn: nc, of: l}, nil
		}
		l.open.Add(-1)
		if l.refuse == nil {
			_ = nc.Close()
			continue
		}
		go l.turnAway(nc) // for its address is asked
	}
}

func (l *limited) turnAway(nc net.Conn) {
	session, reply := l.refuse(nc)
	defer session.Close()
	select {
	case l.goodbyes <- struct{}{}:
		defer func() { <-l.goodbyes }()
		sayGoodbye(nc, reply)
	default:
	}
}

// place is a connection that counts until it is closed.
type place struct {
	net.Conn
	of   *limited
	left sync.Once
}

// Close implements [net.Conn].
func (p *place) Close() error {
	defer p.left.Do(func() { p.of.open.Add(-1) })
	return p.Conn.Close()
}

// sayGoodbye writes a reply. A client that spoke first would be sent a reset, and with it
// lose the reply, if the connection was closed before what it said is read. None of that is
// observed: that the client is refused has been counted.
func sayGoodbye(nc net.Conn, reply string) {
	if err := nc.SetDeadline(time.Now().Add(goodbyeTime)); err != nil {
		return
	}
	if _, err := io.WriteString(nc, reply); err != nil {
		return
	}
	if half, ok := nc.(interface{ CloseWrite() error }); ok && half.CloseWrite() == nil {
		_, _ = io.CopyN(io.Discard, nc, goodbyeRead)
	}
}
