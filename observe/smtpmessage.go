package observe

import (
	"bytes"
	"slices"

	"github.com/rusmes/otelmail"
	"github.com/rusmes/otelmail/mailconv"
)

// smtpCommand is a command in progress.
type smtpCommand struct {
	otelmail.SMTPCommand
	open    bool
	verb    mailconv.SMTPVerb
	empty   bool           // an empty line
	ahead   bool           // it was sent before the one before it was answered
	cause   otelmail.Cause // what lies behind the reply to come
	address []byte         // of RCPT
	name    string         // of AUTH PLAIN, where it came with the command

	asked  bool   // AUTH: has been answered with 334
	coming bool   // DATA: has been answered with 354
	chunk  bool   // BDAT: belongs to the transfer
	last   bool   // BDAT: ends the message
	unsure bool   // BDAT: only the reply shows whether the server knows the command
	size   uint64 // BDAT: and so whether these bytes follow
}

// because returns a reply with what lies behind it. Replies are passed by pointer up to
// here: they are seven words.
func (c *smtpCommand) because(r *otelmail.Reply) otelmail.Reply {
	whole := *r
	if c.cause != otelmail.CauseNone && !r.Accepted() {
		whole.Cause = c.cause
	}
	return whole
}

// smtpTransfer is a message that comes by BDAT, from its first chunk on.
type smtpTransfer struct {
	smtpCommand
	begun      bool           // a chunk has been accepted
	handled    bool           // a handler is at work on it
	given      otelmail.Cause // why it was given up
	recipients []string       // when it was
}

// smtpTransaction is what MAIL begins.
type smtpTransaction struct {
	mail     bool
	lmtp     bool // a reply for each recipient
	to       []string
	more     int // recipients beyond the bound
	transfer *smtpTransfer
	replies  []otelmail.RecipientReply // LMTP, of the message in progress
	// spared are the recipients of a message refused after its body: not every server
	// forgets them then (RFC 5321 section 4.1.1.4).
	spared []string
}

const (
	maxRecipients = 10_000
	maxAddress    = 320
)

func (t *smtpTransaction) recipients() int { return len(t.to) + t.more }

func (t *smtpTransaction) addRecipient(address []byte) {
	if len(t.to) == maxRecipients {
		t.more++
		return
	}
	t.to = append(t.to, string(address[max(0, len(address)-maxAddress):])) // the domain is at its end
}

// clear forgets the transaction, and gives up a message in transfer.
func (d *SMTPDialogue) clear(cause otelmail.Cause) {
	if t := d.transfer; t != nil {
		t.given, t.recipients = cause, d.to
		if t.handled {
			d.to = nil
		} else {
			t.giveUp()
		}
	}
	if cap(d.to) > 100 {
		d.to, d.replies = nil, nil
	}
	clear(d.to)
	clear(d.replies)
	d.to, d.replies, d.more, d.mail, d.transfer, d.spared = d.to[:0], d.replies[:0], 0, false, nil, nil
}

func (t *smtpTransfer) giveUp() {
	t.EndMessage(t.because(&otelmail.Reply{Cause: t.given}), t.recipients...)
}

// outOfOrder reports a refusal that is for the command's syntax or its place in the
// dialogue (RFC 5321 section 4.2.4), not for a message.
func (d *SMTPDialogue) outOfOrder(r *otelmail.Reply) bool {
	return d.recipients() == 0 || r.Code >= 500 && r.Code <= 504
}

// answerData takes a reply to DATA, or to the message after it.
func (d *SMTPDialogue) answerData(r *otelmail.Reply) {
	c := &d.command
	switch {
	case c.coming:
		d.answerBody(r)
	case r.Code == 354:
		if d.recipients() == 0 { // there must be some
			d.to, d.spared = append(d.to, d.spared...), nil
		}
		c.coming, d.body, d.size = true, bodyLine, -bodyEnd
	case !r.Failed():
		d.unfollow()
	case d.outOfOrder(r):
		c.open = false
		c.EndOutOfOrder(c.because(r))
	default:
		c.open = false
		c.EndMessage(c.because(r), d.to...)
	}
}

func (d *SMTPDialogue) answerBody(r *otelmail.Reply) {
	c := &d.command
	if d.body != bodyNone && d.left != otelmail.CauseNone {
		d.gone(&d.command)
		return
	}
	// A reply before the end that we have seen: in LMTP the rest may still come; else
	// the server takes a bare LF for a line end, or has given up waiting.
	if d.stalled || !d.lmtp && r.Accepted() {
		if d.body != bodyNone { // how much of what the client has sent is the message is for the server to know
			d.size = 0
		}
		d.body, d.stalled = bodyNone, false
	}
	if d.lmtp && d.each(c, r) {
		return
	}
	c.open = false
	if !d.lmtp {
		d.weigh(c)
		c.EndMessage(c.because(r), d.to...)
	}
	var refused []string
	if r.Refused() {
		refused = slices.Clone(d.to)
	}
	d.clear(otelmail.CauseNone)
	d.spared = refused
}

// weigh notes the size of the message whose command ends.
func (d *SMTPDialogue) weigh(c *smtpCommand) {
	if d.size > 0 {
		c.Note(otelmail.SMTPFacts{Size: d.size})
	}
}

// each takes the reply for one recipient of LMTP (RFC 2033 section 4.2). It reports
// that more are to come; the last ends the command.
func (d *SMTPDialogue) each(c *smtpCommand, r *otelmail.Reply) bool {
	reply := otelmail.RecipientReply{Reply: c.because(r)}
	if i := len(d.replies); i < len(d.to) {
		reply.Recipient = d.to[i]
	}
	d.replies = append(d.replies, reply)
	if len(d.replies) < d.recipients() {
		return true
	}
	d.weigh(c)
	c.EndEach(d.replies...)
	return false
}

// gone ends a message that the client has cut off, whatever the server believes.
func (d *SMTPDialogue) gone(c *smtpCommand) {
	if d.left == otelmail.CauseNone {
		d.breaks(otelmail.CauseEOF)
	}
	d.command.open, d.over = false, true
	c.EndMessage(c.because(&otelmail.Reply{Cause: d.left}), d.to...)
	d.transfer = nil
}

// answerChunk takes a reply to BDAT.
func (d *SMTPDialogue) answerChunk(r *otelmail.Reply) {
	c, t := &d.command, d.transfer
	switch {
	case c.unsure && r.Code == 500: // no such command
		c.last = false
	case c.unsure:
		n := min(c.size, uint64(len(d.ahead)))
		d.ahead = d.ahead[:copy(d.ahead, d.ahead[n:])]
		d.chunk = c.size - n
	}
	switch {
	case !c.chunk: // there is no message, or the line cannot be understood
		c.open = false
		c.EndOutOfOrder(c.because(r))
	case r.Accepted() && d.chunk > 0:
		d.gone(&t.smtpCommand)
	case r.Accepted() && !c.last:
		c.open, t.begun = false, true
	case !c.last && d.outOfOrder(r):
		c.open = false
		if t.begun { // the message goes on
			d.session.ProtocolError()
			return
		}
		d.transfer = nil
		t.EndOutOfOrder(t.because(r))
	default:
		single := !d.lmtp || !c.last || r.Failed() && len(d.replies) == 0 && !d.namesRecipient()
		if !single && d.each(&t.smtpCommand, r) {
			return
		}
		c.open, d.transfer = false, nil
		if single {
			d.weigh(&t.smtpCommand)
			t.EndMessage(t.because(r), d.to...)
		}
		d.clear(otelmail.CauseNone)
	}
}

// namesRecipient distinguishes the first of the replies to the last chunk in LMTP from one
// that refuses the chunk: it is about the first recipient.
func (d *SMTPDialogue) namesRecipient() bool {
	return len(d.to) > 0 && bytes.Contains(d.latest, []byte(d.to[0]))
}

// cutOff ends what is in progress without a reply.
func (d *SMTPDialogue) cutOff(why otelmail.Cause) {
	c, none := &d.command, otelmail.Reply{Cause: why}
	// A server that closes of its own accord has not looked at what was sent ahead.
	ignored := c.verb == mailconv.SMTPQuit || c.ahead && why != otelmail.CauseProtocol && !c.coming && !c.asked && !c.chunk && d.seal != smtpShaking
	if d.transfer != nil || c.open && !ignored {
		d.breaks(why)
	}
	if c.open && !c.chunk {
		none = c.because(&none)
		switch {
		case ignored:
			c.Abandon()
		case d.seal == smtpShaking:
			c.End(otelmail.Reply{Cause: otelmail.CauseTLSHandshake})
		case c.coming:
			c.EndMessage(none, d.to...)
		case c.verb == mailconv.SMTPBdat || c.verb == mailconv.SMTPData:
			c.EndOutOfOrder(none)
		default:
			c.End(none)
		}
	}
	c.open = false
	d.clear(why)
}
