package demo

import (
	"context"
	"errors"
	"io"
	"maps"
	"net"
	"os"
	"slices"
	"sync"
	"time"
)

// openConns are the connections of a server that are open, so that those can be
// ended whose clients will not.
type openConns struct {
	// patience is how long one write may wait for a client that does not read,
	// whatever the server allows; 0 is as long as the server allows.
	patience time.Duration

	mu     sync.Mutex
	open   map[*openConn]struct{}
	closed chan struct{} // closed and replaced whenever a connection is closed
}

// tracked is l with its connections known to o. Wrap it before anything else
// wraps it.
func (o *openConns) tracked(l net.Listener) net.Listener { return trackedListener{l, o} }

// hangUp ends reading: clients seem to have gone once what they are being
// answered is written.
func (o *openConns) hangUp() {
	for _, c := range o.all() {
		c.hangUp()
	}
}

func (o *openConns) closeAll() {
	for _, c := range o.all() {
		_ = c.Conn.Close()
	}
}

// wait returns when no connection is open, or with an error when ctx has ended.
func (o *openConns) wait(ctx context.Context) error {
	for {
		o.mu.Lock()
		if len(o.open) == 0 {
			o.mu.Unlock()
			return nil
		}
		if o.closed == nil {
			o.closed = make(chan struct{})
		}
		closed := o.closed
		o.mu.Unlock()
		select {
		case <-closed:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

func (o *openConns) all() []*openConn {
	o.mu.Lock()
	defer o.mu.Unlock()
	return slices.Collect(maps.Keys(o.open))
}

func (o *openConns) add(c *openConn) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.open == nil {
		o.open = map[*openConn]struct{}{}
	}
	o.open[c] = struct{}{}
}

func (o *openConns) remove(c *openConn) {
	o.mu.Lock()
	defer o.mu.Unlock()
	delete(o.open, c)
	if o.closed != nil {
		close(o.closed)
		o.closed = nil
	}
}

type trackedListener struct {
	net.Listener
	conns *openConns
}

// Accept implements [net.Listener].
func (l trackedListener) Accept() (net.Conn, error) {
	conn, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	c := &openConn{Conn: conn, conns: l.conns}
	l.conns.add(c)
	return c, nil
}

type openConn struct {
	net.Conn
	conns *openConns

	mu   sync.Mutex
	over bool // hung up
}

// Read implements [net.Conn].
func (c *openConn) Read(b []byte) (int, error) {
	n, err := c.Conn.Read(b)
	if errors.Is(err, os.ErrDeadlineExceeded) && c.hungUp() {
		err = io.EOF
	}
	return n, err
}

// hangUp interrupts the reading under way; the deadlines that the server sets
// from now on must not bring it back.
func (c *openConn) hangUp() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.over = true
	_ = c.Conn.SetReadDeadline(time.Now())
}

func (c *openConn) hungUp() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.over
}

// SetDeadline implements [net.Conn].
func (c *openConn) SetDeadline(t time.Time) error {
	return errors.Join(c.SetReadDeadline(t), c.SetWriteDeadline(t))
}

// SetReadDeadline implements [net.Conn].
func (c *openConn) SetReadDeadline(t time.Time) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.over {
		return nil
	}
	return c.Conn.SetReadDeadline(t)
}

// SetWriteDeadline implements [net.Conn].
func (c *openConn) SetWriteDeadline(t time.Time) error {
	if limit := time.Now().Add(c.conns.patience); c.conns.patience > 0 && t.After(limit) {
		t = limit
	}
	return c.Conn.SetWriteDeadline(t)
}

// Close implements [net.Conn].
func (c *openConn) Close() error {
	c.conns.remove(c)
	return c.Conn.Close()
}
