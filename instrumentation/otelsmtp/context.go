package otelsmtp

import (
	"context"

	"github.com/emersion/go-smtp"
)

// Context returns the context of the command in progress on c, which carries
// its span; between commands that of the session. It may be called anywhere in
// a backend, in Reset and Logout too. For a Conn of a server whose Backend is
// not from [Wrap] it returns [context.Background].
func Context(c *smtp.Conn) context.Context {
	if c == nil || c.Server() == nil {
		return context.Background()
	}
	b, ok := c.Server().Backend.(*backend)
	if !ok {
		return context.Background()
	}
	conn := b.known.find(c)
	if conn == nil {
		return context.Background()
	}
	return conn.context()
}

func (c *connection) context() context.Context {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case c.current != nil:
		return c.current
	case c.authenticating:
		return c.auth.Context()
	case c.transfer != nil:
		return c.transfer.cmd.Context()
	}
	return c.session.Context()
}
