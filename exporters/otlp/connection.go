package otlp

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	"net/http/httptrace"
	"sync"
	"time"
)

// A firewall or a load balancer may forget a connection without a word to either end: what
// is written to it then goes nowhere until the kernel gives up, after a quarter of an hour
// or so. HTTP/1 closes a connection whose request had no answer in time. HTTP/2 and gRPC
// keep it, for the other requests that it may carry. So an attempt without an answer in
// time hangs up, and the next one makes a new connection. Pings find a dead connection
// earlier where an attempt may take long, and before it is used where nothing was sent for
// a while.

// pings are when HTTP/2 asks whether the other end is there, and how long it waits.
var pings = struct{ idle, answer time.Duration }{15 * time.Second, 15 * time.Second}

// line is the connection that the attempts of one way go over.
type line struct {
	mu   sync.Mutex
	conn net.Conn // nil: none yet
}

func (l *line) use(c net.Conn) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.conn = c
}

// traced is ctx for an attempt over net/http, which tells l the connection.
func (l *line) traced(ctx context.Context) context.Context {
	return httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{
		GotConn: func(got httptrace.GotConnInfo) { l.use(got.Conn) },
	})
}

// hangUpLate closes the connection if the time of the attempt under ctx was up.
func (l *line) hangUpLate(ctx context.Context) {
	if !errors.Is(ctx.Err(), context.DeadlineExceeded) {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.conn == nil {
		return
	}
	if secured, ok := l.conn.(*tls.Conn); ok {
		l.conn = secured.NetConn() // it would wait for 5 s to say goodbye
	}
	_ = l.conn.Close()
	l.conn = nil
}
