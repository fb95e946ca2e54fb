package otelsmtp

import "github.com/rusmes/otelmail"

// go-smtp runs the backend for a message by BDAT in a goroutine of its own. When
// the client sends RSET or goes away between two chunks, it fails the reading
// and calls Reset or Logout, and whatever the backend returns is dropped. The
// return and the call come in any order; the second of them ends the command.

// abandon gives up the message in transfer, if any, and returns it if it is for
// the caller to end. c.mu is held.
func (c *connection) abandon(cause otelmail.Cause) *message {
	m := c.transfer
	c.transfer = nil
	if m == nil {
		return nil
	}
	m.abandoned = true
	if m.fate.Code == 0 { // else the wire has shown the reply
		m.fate.Cause = cause
	}
	if !m.returned {
		return nil
	}
	return m
}

// settle decides what becomes of a message by BDAT when the backend has
// returned. It reports true when nothing is left to do, and corrects the reply.
func (c *connection) settle(m *message, reply *otelmail.Reply) bool {
	how := reading(m.reading.Load())
	crashed := reply.Cause == otelmail.CausePanic
	c.mu.Lock()
	switch {
	case m.abandoned:
		if crashed {
			m.fate = otelmail.Reply{Cause: otelmail.CausePanic}
		}
		c.mu.Unlock()
		m.endAbandoned()
		return true
	case how == aborted && crashed:
		*reply = otelmail.Reply{Cause: otelmail.CausePanic} // the 421 is not sent
	case how == aborted:
		m.returned = true
		c.mu.Unlock()
		return true
	case how != whole && reply.Accepted():
		// The backend did not take all: go-smtp fails to hand over the rest.
		*reply = dataFailed
	}
	c.transfer = nil
	c.mu.Unlock()
	return false
}

func (m *message) endAbandoned() {
	if m != nil {
		m.cmd.EndMessage(m.fate, m.recipients...)
	}
}
