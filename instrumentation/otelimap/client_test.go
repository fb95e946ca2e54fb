package otelimap_test

import (
	"bufio"
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"strings"
	"testing"
	"time"
)

// client speaks IMAP by hand.
type client struct {
	t testing.TB
	net.Conn
	r *bufio.Reader
}

// dial connects, over TLS where the world begins with it, and reads the greeting.
func (w *world) dial() *client {
	w.t.Helper()
	nc, err := net.Dial("tcp", w.addr)
	if err != nil {
		w.t.Fatal(err)
	}
	if w.tls {
		nc = tls.Client(nc, insecure)
	}
	c := hand(w.t, nc)
	c.answer("* ")
	return c
}

func hand(t testing.TB, nc net.Conn) *client {
	_ = nc.SetDeadline(time.Now().Add(patience))
	t.Cleanup(func() { _ = nc.Close() })
	return &client{t: t, Conn: nc, r: bufio.NewReader(nc)}
}

// login is a client of bob's.
func (w *world) login() *client {
	w.t.Helper()
	return w.dial().say("LOGIN bob@example.org secret", "OK")
}

// say sends a command and reads up to its tagged reply.
func (c *client) say(line, status string) *client {
	c.t.Helper()
	c.send("t " + line + "\r\n")
	c.answer("t " + status)
	return c
}

func (c *client) send(bytes string) *client {
	c.t.Helper()
	if _, err := io.WriteString(c, bytes); err != nil {
		c.t.Fatalf("send %.40q: %v", bytes, err)
	}
	return c
}

// answer reads until a line begins so; no other reply may come before it.
func (c *client) answer(begin string) *client {
	c.t.Helper()
	for {
		line, err := c.r.ReadString('\n')
		if err != nil {
			c.t.Fatalf("read %q: %v", begin, err)
		}
		if strings.HasPrefix(line, begin) {
			return c
		}
		if !strings.HasPrefix(line, "*") && strings.HasPrefix(line, "t ") {
			c.t.Fatalf("reply %q, want %q", line, begin)
		}
	}
}

// idle begins IDLE and returns once the session has been told.
func (w *world) idle(c *client) {
	w.t.Helper()
	before := w.idling.Load()
	c.send("t IDLE\r\n").answer("+ idling")
	if !within(func() bool { return w.idling.Load() > before }) {
		w.t.Fatal("the session has not been told of IDLE")
	}
}

// closed waits until the server has closed the connection.
func (c *client) closed() {
	c.t.Helper()
	if _, err := io.Copy(io.Discard, c.r); errors.Is(err, context.DeadlineExceeded) {
		c.t.Fatal("the server has not closed the connection")
	}
}

// refused connects, and waits until the server has closed the connection.
func (w *world) refused() {
	w.t.Helper()
	nc, err := net.Dial("tcp", w.addr)
	if err != nil {
		w.t.Fatal(err)
	}
	if w.tls {
		nc = tls.Client(nc, insecure)
	}
	hand(w.t, nc).closed()
}

// cut splits a command where the client waits.
func cut(line string) (first, rest string, ok bool) { return strings.Cut(line, "\r\n") }

// insecure accepts the certificate of a test.
var insecure = &tls.Config{InsecureSkipVerify: true}
