package otelimap

import (
	"github.com/emersion/go-imap/v2/imapserver"

	"github.com/rusmes/otelmail"
)

// session records what a backend's session does.
type session struct {
	inner imapserver.Session
	conn  *connection
	user  func(imapserver.Session) string
}

// Close is called exactly once for every session, when its connection is about
// to be closed.
func (s *session) Close() error {
	s.conn.noticeTLS()
	s.conn.abandon()
	cause := otelmail.CausePanic
	defer func() { s.conn.session.End(cause) }()
	err := s.inner.Close()
	cause = s.conn.cause()
	return err
}

// abandon ends the command that the connection's end has cut off.
func (c *connection) abandon() {
	cut := reply{result: otelmail.IMAPBroken, cause: c.lost()}
	c.settle(cut)
	c.mu.Lock()
	idled := c.idle.take() && !c.idle.late
	c.idle.closed = true
	c.mu.Unlock()
	if idled {
		c.idled(cut)
	}
}

// cause is why the session broke, if it did and no command has counted it.
func (c *connection) cause() otelmail.Cause {
	c.mu.Lock()
	told, visible, farewell := c.told, c.wire.visible, c.wire.farewell
	c.mu.Unlock()
	switch {
	case told:
		return otelmail.CauseNone
	case c.unshaken():
		return otelmail.CauseTLSHandshake
	case c.link == nil || c.link.ended.Load(): // nothing is known, or the client has left
		return otelmail.CauseNone
	case c.lost() != otelmail.CauseNone:
		return c.lost()
	case visible && !farewell: // go-imap hangs up on what does not look like a command
		return otelmail.CauseProtocol
	}
	return otelmail.CauseNone
}
