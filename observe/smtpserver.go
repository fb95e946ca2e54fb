package observe

import (
	"bytes"

	"github.com/rusmes/otelmail"
	"github.com/rusmes/otelmail/internal/smtpreply"
	"github.com/rusmes/otelmail/mailconv"
)

// smtpServer is the server's side of a dialogue.
type smtpServer struct {
	written line
	latest  []byte // line of a reply, while that is looked at
	greeted bool
	ready   otelmail.Reply // to STARTTLS
	text    []byte         // of the lines of a reply, where a span shows it
	chunks  bool           // CHUNKING is among the lines of the reply in progress
	bdat    smtpBdat
}

// smtpBdat is what the reply to EHLO has said of BDAT.
type smtpBdat uint8

const (
	bdatUnsaid  smtpBdat = iota // nothing yet: only the reply to BDAT shows it
	bdatOffered                 // CHUNKING
	bdatUnknown
)

// answer takes a line of a reply.
func (d *SMTPDialogue) answer(written []byte) {
	d.latest = written
	l, ok := smtpreply.Parse(written)
	if !ok {
		d.unfollow()
		return
	}
	if v := d.command.verb; (v == mailconv.SMTPEhlo || v == mailconv.SMTPLhlo) && bytes.EqualFold(bytes.TrimSpace(l.Text), []byte("CHUNKING")) {
		d.chunks = true
	}
	if c := d.current(); c != nil && d.notes(c) && len(d.text) < maxLine {
		if len(d.text) > 0 {
			d.text = append(d.text, '\n')
		}
		d.text = append(d.text, l.Text...)
	}
	if !l.Last {
		return
	}
	r := otelmail.Reply{Code: l.Code, Enhanced: l.Enhanced, Text: string(d.text)}
	d.text = d.text[:0]
	if l.Code == 0 {
		r.Cause = otelmail.CauseProtocol
	}
	d.replied(&r)
	d.goOn()
	d.chunks = false
}

// replied takes a reply.
func (d *SMTPDialogue) replied(r *otelmail.Reply) {
	if !d.greeted {
		d.greeted = true
		if !r.Accepted() {
			d.unasked(r)
		}
		return
	}
	if d.seal == smtpShaking {
		d.seal = smtpOpen
		d.sealed.Store(false)
		d.breaks(otelmail.CauseTLSHandshake) // unless the client goes on in plaintext
		d.session.TLSFailed(d.handshakeError())
		d.end(&otelmail.Reply{Cause: otelmail.CauseTLSHandshake})
		return
	}
	if !d.command.open && d.said.begun() && r.Code != 421 && (r.Code != 221 || d.failure != otelmail.CauseTimeout) {
		d.begins(d.said.take()) // too long to go on reading, or the last before the client closed
	}
	for d.command.open && d.command.empty && !r.Failed() && len(d.ahead) > 0 {
		d.command.Abandon()
		d.command.open = false
		d.goOn()
	}
	if !d.command.open {
		d.unasked(r)
		return
	}
	if d.leaves(r) {
		return
	}
	switch d.command.verb {
	case mailconv.SMTPData:
		d.answerData(r)
	case mailconv.SMTPBdat:
		d.answerChunk(r)
	case mailconv.SMTPAuth:
		if r.Code == 334 {
			d.command.asked, d.response = true, true
			return
		}
		d.end(r)
	case mailconv.SMTPStartTLS:
		if r.Accepted() { // what was sent ahead does not count (RFC 3207 section 4.2)
			d.seal, d.ahead = smtpShaking, nil
			d.sealed.Store(true)
			d.ready = *r
			return
		}
		d.end(r)
	case mailconv.SMTPQuit:
		d.end(r)
		if r.Accepted() { // what is not complete is given up (RFC 5321 section 4.1.1.10)
			d.clear(otelmail.CauseCanceled)
			d.over, d.goodbye = true, true
		}
	default:
		d.answerPlain(r)
	}
	if r.Code == 421 && d.left == otelmail.CauseNone {
		d.breaks(d.failure) // the command has counted what the session breaks by
	}
}

// leaves takes a farewell for what it is where a command waits for its reply: 221, which
// answers QUIT alone (RFC 5321 section 4.2.3), is what many servers say to a client that
// has kept them waiting, and so is 421 in place of the client's next word in AUTH.
func (d *SMTPDialogue) leaves(r *otelmail.Reply) bool {
	if d.command.verb == mailconv.SMTPQuit || r.Code != 221 && (r.Code != 421 || !d.response) {
		return false
	}
	why := d.failure
	if why == otelmail.CauseNone && d.closed {
		why = otelmail.CauseEOF
	}
	if why == otelmail.CauseNone { // or the clock of the server's own, which the connection does not show
		why = otelmail.CauseTimeout
	}
	d.command.ahead = false // the server has looked at it
	d.cutOff(why)
	d.over = true
	return true
}

// answerPlain ends a command that is no message.
func (d *SMTPDialogue) answerPlain(r *otelmail.Reply) {
	verb := d.command.verb
	d.end(r)
	if !r.Accepted() {
		return
	}
	switch verb {
	case mailconv.SMTPEhlo, mailconv.SMTPLhlo:
		d.bdat = bdatUnknown
		if d.chunks {
			d.bdat = bdatOffered
		}
		d.lmtp = verb == mailconv.SMTPLhlo
		d.clear(otelmail.CauseCanceled)
	case mailconv.SMTPHelo, mailconv.SMTPRset:
		d.clear(otelmail.CauseCanceled)
	case mailconv.SMTPMail:
		d.clear(otelmail.CauseCanceled)
		d.mail = true
	case mailconv.SMTPRcpt:
		d.addRecipient(d.command.address)
	}
}

// unasked takes a reply that answers no command.
func (d *SMTPDialogue) unasked(r *otelmail.Reply) {
	switch {
	case r.Code == 421 && r.Enhanced[1] == 4 && r.Enhanced[2] == 2:
		d.farewell = otelmail.CauseTimeout
	case r.Code == 421:
		d.farewell = otelmail.CauseCanceled
	case r.Refused():
		d.session.ProtocolError()
	case r.Code == 221: // a farewell by another code, to a client that is idle or gone
	default:
		d.unfollow()
	}
}

// end ends the command in progress with its reply.
func (d *SMTPDialogue) end(r *otelmail.Reply) {
	if d.command.open {
		d.command.open, d.response = false, false
		if d.command.name != "" && r.Failed() { // of a login that succeeds the server knows better
			d.command.Note(otelmail.SMTPFacts{User: d.command.name})
		}
		d.command.End(d.command.because(r))
	}
}
