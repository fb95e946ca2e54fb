package otelimap

import "github.com/rusmes/otelmail"

// begin begins a command that is about a mailbox, "" for none.
func (c *connection) begin(verb otelmail.IMAPVerb, mailbox string) {
	c.leave()
	c.mu.Lock()
	facts := c.facts(mailbox)
	c.mu.Unlock()
	c.start(verb, facts)
}

// beginSelected begins a command that is about the selected mailbox.
func (c *connection) beginSelected(verb otelmail.IMAPVerb) {
	c.leave()
	c.mu.Lock()
	facts := c.facts(c.mailbox)
	c.mu.Unlock()
	c.start(verb, facts)
}

func (c *connection) start(verb otelmail.IMAPVerb, facts otelmail.IMAPFacts) {
	cmd := c.session.Command(verb, facts)
	c.mu.Lock()
	defer c.mu.Unlock()
	c.command = command{IMAPCommand: cmd, verb: verb, open: true, running: true}
	c.idle.broken = false
	c.told = false
}

// continues has the command in progress call the backend once more, if it is
// this one.
func (c *connection) continues(verb otelmail.IMAPVerb) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.command.open || c.command.verb != verb {
		return false
	}
	c.command.running = true
	return true
}

// turns makes the command in progress, if it is one verb, into another.
func (c *connection) turns(from, to otelmail.IMAPVerb, mailbox string) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.command.open || c.command.verb != from {
		return false
	}
	c.command.verb, c.command.running = to, true
	c.command.Refine(to, otelmail.IMAPFacts{Mailbox: mailbox})
	return true
}

// answered takes what a method returned which go-imap answers at once.
func (c *connection) answered(err error) {
	c.returned()
	switch {
	case err != nil:
		c.fail(err)
	case !c.visible():
		c.settle(reply{result: otelmail.IMAPOK})
	}
}

// polled takes what a method returned after which go-imap, unless there is an
// error, writes data and polls before it answers.
func (c *connection) polled(err error) {
	c.returned()
	if err != nil {
		c.fail(err)
	}
}

func (c *connection) returned() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.command.running = false
}

// guard is deferred around every call of the backend. It ends the command if
// that panics; go-imap then logs the panic and closes the connection.
func (c *connection) guard() {
	c.mu.Lock()
	panicked := c.command.open && c.command.running
	c.mu.Unlock()
	if panicked {
		c.settle(reply{result: otelmail.IMAPBroken, cause: otelmail.CausePanic})
	}
}

// fail ends a command as go-imap answers an error, if it still can.
func (c *connection) fail(err error) {
	switch lost := c.lost(); {
	case lost != otelmail.CauseNone:
		c.settle(reply{result: otelmail.IMAPBroken, cause: lost})
	case !c.visible():
		c.settle(replyTo(err))
	}
}

// settle ends the command in progress, if there is one.
func (c *connection) settle(r reply) {
	lost := c.lost()
	c.mu.Lock()
	if !c.command.open {
		c.mu.Unlock()
		return
	}
	cmd := c.command.IMAPCommand
	c.command = command{}
	c.told = r.result == otelmail.IMAPBroken || lost != otelmail.CauseNone && r.result != otelmail.IMAPOK
	c.mu.Unlock()
	r.end(cmd)
}

// leave ends what the client has left without the session being told: go-imap
// obeys the next command.
func (c *connection) leave() {
	c.mu.Lock()
	verb := c.command.verb
	open := c.command.open
	idled := c.idle.take()
	c.mu.Unlock()
	switch {
	case open && verb == otelmail.IMAPAuthenticate: // canceled, or bad base64
		c.settle(reply{result: otelmail.IMAPBad})
	case open: // the message of APPEND had more behind it than its end of line
		c.settle(reply{result: otelmail.IMAPBroken, cause: otelmail.CauseProtocol})
	case idled: // by anything but DONE
		c.idled(reply{result: otelmail.IMAPBad, code: "CLIENTBUG"})
	}
}

// lost is why the connection can no longer be written to or read from, as far as
// a Listener knows.
func (c *connection) lost() otelmail.Cause {
	if c.link == nil {
		return otelmail.CauseNone
	}
	return c.link.broken()
}
