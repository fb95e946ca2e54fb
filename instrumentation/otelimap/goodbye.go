package otelimap

import (
	"time"

	"github.com/rusmes/otelmail/observe"
)

const goodbye = "Server shutting down"

// leave says goodbye to a client for which nothing is being done. It may be called
// again and again.
func (c *connection) leave() {
	d := c.dialogue.Load()
	switch {
	case d == nil:
	case d.Idle():
		if !c.goodbye.Swap(true) {
			go func() { _ = c.imap.Bye(goodbye) }() // which waits for slow clients
		}
	case d.Idling(): // imapserver then answers IDLE, and answered says goodbye
		c.hangUp()
	}
}

// hangUp interrupts reading; the deadlines that imapserver sets from now on must not
// bring it back.
func (c *connection) hangUp() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.over = true
	_ = c.Conn.SetReadDeadline(time.Now())
}

func (c *connection) hungUp() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.over
}

// SetReadDeadline sets the deadline of Read.
func (c *connection) SetReadDeadline(t time.Time) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.over {
		return nil
	}
	return c.Conn.SetReadDeadline(t)
}

// answered says goodbye behind the answer to IDLE. imapserver is still writing that, and
// lets nobody else write.
func (c *connection) answered(d *observe.IMAPDialogue) {
	if c.hungUp() && d.Idle() && !c.goodbye.Swap(true) {
		bye := []byte("* BYE " + goodbye + "\r\n")
		d.FromServer(bye)
		_, _ = c.imap.NetConn().Write(bye) // a client that has gone cannot be told
	}
}
