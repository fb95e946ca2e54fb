package otelimap

import (
	"errors"

	"github.com/emersion/go-imap/v2"
	"github.com/emersion/go-imap/v2/imapserver"

	"github.com/rusmes/otelmail"
)

// idle is an IDLE under way. It has no span while the client waits: one begins
// when the wait is over, for what remains to be done.
type idle struct {
	open   bool
	number uint64 // of the IDLE, so that one that is over cannot end the next
	// late says that the client had ended IDLE before it reached the session. Then
	// go-imap may have polled and answered already.
	late bool
	// broken says that the last command was an IDLE for which the backend failed.
	// If that was because the client went away, go-imap polls nevertheless.
	broken bool
	closed bool           // the session is over
	cause  otelmail.Cause // of a failure that is still to be answered
}

// take takes the IDLE under way for the caller to end.
func (i *idle) take() bool {
	open := i.open
	i.open = false
	return open
}

// Idle is the command IDLE. go-imap calls it in a goroutine of its own, for
// which it does not wait when the client goes away or ends IDLE the wrong way.
func (s *session) Idle(w *imapserver.UpdateWriter, stop <-chan struct{}) error {
	c := s.conn
	number := c.idleBegins(stop)
	returned := false
	defer func() {
		if !returned {
			c.idleFails(number, reply{result: otelmail.IMAPNo, cause: otelmail.CausePanic}, true)
		}
	}()
	err := s.inner.Idle(w, stop)
	returned = true
	if err != nil {
		<-stop // go-imap looks at the error then, and not before
		_, said := errors.AsType[*imap.Error](err)
		c.idleFails(number, replyTo(err), !said)
	}
	return err
}

func (c *connection) idleBegins(stop <-chan struct{}) uint64 {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.idle.closed {
		return 0
	}
	c.idle.number++
	c.idle.open, c.idle.late, c.idle.broken, c.idle.cause = true, false, false, otelmail.CauseNone
	select {
	case <-stop:
		// On the wire, the answer speaks for itself.
		c.idle.late, c.idle.open = true, !c.wire.visible
	default:
	}
	return c.idle.number
}

// idleFails ends an IDLE for which the backend fails, where replies are not
// visible. Broken says that the client may be gone.
func (c *connection) idleFails(number uint64, r reply, broken bool) {
	c.mu.Lock()
	if c.idle.number != number || !c.idle.open {
		c.mu.Unlock()
		return
	}
	if c.wire.visible {
		c.idle.cause = r.cause
		c.mu.Unlock()
		return
	}
	c.idle.open, c.idle.broken = false, broken
	c.mu.Unlock()
	if lost := c.lost(); lost != otelmail.CauseNone {
		r = reply{result: otelmail.IMAPBroken, cause: lost}
	}
	c.idled(r)
}

// idled records an IDLE that is over.
func (c *connection) idled(r reply) {
	lost := c.lost()
	c.mu.Lock()
	facts := c.facts(c.mailbox)
	c.told = r.result == otelmail.IMAPBroken || lost != otelmail.CauseNone
	c.mu.Unlock()
	r.end(c.session.Command(otelmail.IMAPIdle, facts))
}
