package otelsmtp

import (
	"context"

	"github.com/emersion/go-smtp"
)

// Context returns the context of the command in progress on c, which carries
// its span; between commands that of the session. It may be called anywhere in
// a backend, in Reset and Logout too. For a Conn of another server than a [Server]'s
// it returns [context.Background].
func Context(c *smtp.Conn) context.Context {
	if c == nil || c.Server() == nil {
		return context.Background()
	}
	if b, ok := c.Server().Backend.(*backend); ok {
		return b.connection.dialogue.Context()
	}
	return context.Background()
}
