package otlp

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	"net/http/httptrace"
	"sync"
	"sync/atomic"
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
type pings struct{ idle, answer time.Duration }

var usualPings = pings{15 * time.Second, 15 * time.Second}

// connection is the one that the attempts of one way go over.
type connection struct {
	mu   sync.Mutex
	conn net.Conn // nil: none yet
}

func (c *connection) use(conn net.Conn) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.conn = conn
}

// traced is ctx for an attempt over net/http, which tells c the connection, and reached
// that there is one.
func (c *connection) traced(ctx context.Context, reached *atomic.Bool) context.Context {
	return httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{
		GotConn: func(got httptrace.GotConnInfo) {
			reached.Store(true)
			c.use(got.Conn)
		},
	})
}

// hangUpLate closes the connection if the time of the attempt under ctx was up.
func (c *connection) hangUpLate(ctx context.Context) {
	if !errors.Is(ctx.Err(), context.DeadlineExceeded) {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.conn == nil {
		return
	}
	if secured, ok := c.conn.(*tls.Conn); ok {
		c.conn = secured.NetConn() // it would wait for 5 s to say goodbye
	}
	_ = c.conn.Close()
	c.conn = nil
}
