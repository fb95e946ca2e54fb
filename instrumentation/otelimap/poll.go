package otelimap

import (
	"github.com/emersion/go-imap/v2/imapserver"

	"github.com/rusmes/otelmail"
)

// Poll ends every command that the session has obeyed, but LOGIN, AUTHENTICATE,
// UNAUTHENTICATE, SELECT and EXAMINE. By itself it is one that go-imap obeys
// alone: NOOP, CHECK, CAPABILITY or ENABLE.
func (s *session) Poll(w *imapserver.UpdateWriter, allowExpunge bool) error {
	c := s.conn
	verb := c.resume()
	defer c.guard()
	err := s.inner.Poll(w, allowExpunge)
	c.returned()
	switch {
	case err == nil:
		c.answered(nil)
	case verb == otelmail.IMAPAppend || verb == otelmail.IMAPCopy:
		c.fail(err)
	default: // go-imap hangs up without an answer
		c.settle(reply{result: otelmail.IMAPBroken, cause: otelmail.CauseOf(err)})
	}
	return err
}

// resume goes on with the command that Poll belongs to; it returns its verb.
func (c *connection) resume() otelmail.IMAPVerb {
	c.mu.Lock()
	facts := c.facts(c.mailbox)
	verb := otelmail.IMAPNoop
	switch {
	case c.command.open:
		c.command.running = true
		verb = c.command.verb
		c.mu.Unlock()
		return verb
	case c.idle.take():
		verb = otelmail.IMAPIdle
	case c.idle.broken: // the client is gone, and IDLE has been counted
		c.idle.broken = false
		c.mu.Unlock()
		return verb
	}
	c.mu.Unlock()
	c.start(verb, facts)
	return verb
}
