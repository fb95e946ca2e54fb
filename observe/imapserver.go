package observe

import (
	"bytes"

	"github.com/rusmes/otelmail"
	"github.com/rusmes/otelmail/mailconv"
)

// answer takes what the server says.
func (d *IMAPDialogue) answer(b []byte) {
	s := &d.server
	for len(b) > 0 && d.phase == imapFollowed {
		if s.literal > 0 {
			b = s.skip(b)
			continue
		}
		line, rest, ended := s.next(b, maxIMAPLine)
		if !ended {
			return
		}
		d.answered(line)
		b = rest
	}
}

// answered takes a line of the server's (RFC 9051 section 7).
func (d *IMAPDialogue) answered(line []byte) {
	tag, text := cutSpace(line)
	word, _ := cutSpace(text)
	result, isResult := resultOf(word)
	switch i := d.commands.index(d.hash(tag)); {
	case d.behindLiteral:
		d.data(line)
	case string(tag) == "*":
		d.untagged(line, word)
	case string(tag) == "+" && (!isResult || i < 0 && d.client.waits): // some clients have this for a tag
		d.proceed()
	case i >= 0: // whatever is no OK and no BAD counts as NO
		d.replied(i, result, text)
	case isResult: // to a command that was too many, or to what did not look like one
		d.odd = 0
		c := d.session.Command(mailconv.IMAPOther)
		c.Note(otelmail.IMAPFacts{User: d.user, State: d.state})
		c.End(otelmail.IMAPReply{Result: result, Code: codeOf(text)})
	default:
		d.unfollow()
	}
}

// data takes a response that is no status: a literal may follow each line of it.
func (d *IMAPDialogue) data(line []byte) {
	d.server.literal, _, d.behindLiteral = literalAt(line)
}

// resultOf is the result that a reply gives.
func resultOf(word []byte) (result otelmail.IMAPResult, ok bool) {
	switch {
	case bytes.EqualFold(word, []byte("OK")):
		return otelmail.IMAPOK, true
	case bytes.EqualFold(word, []byte("BAD")):
		return otelmail.IMAPBad, true
	}
	return otelmail.IMAPNo, bytes.EqualFold(word, []byte("NO"))
}

const maxIMAPCode = 32

// codeOf is the response code of a reply (RFC 9051 section 7.1), without its
// arguments.
func codeOf(text []byte) string {
	_, text = cutSpace(text)
	code, ok := bytes.CutPrefix(text, []byte{'['})
	if !ok {
		return ""
	}
	if end := bytes.IndexAny(code, "] "); end >= 0 {
		code = code[:end]
	}
	return string(code[:min(len(code), maxIMAPCode)])
}

// untagged takes an untagged response.
func (d *IMAPDialogue) untagged(line, word []byte) {
	result, isStatus := resultOf(word)
	switch {
	case bytes.EqualFold(word, []byte("PREAUTH")):
		if !d.greeted {
			d.state, d.loggedIn = mailconv.IMAPAuthenticated, true
		}
	case bytes.EqualFold(word, []byte("BYE")):
		d.farewell = true
	case isStatus && result == otelmail.IMAPBad, isStatus && result == otelmail.IMAPNo && !d.greeted:
		d.rejected()
	case isStatus:
	default:
		d.data(line)
	}
	d.greeted = true
}

// rejected takes an untagged BAD, or a greeting that refuses. If it is for a command
// whose tag the server could not repeat, that will have no other answer.
func (d *IMAPDialogue) rejected() {
	odd := d.odd
	d.odd = 0
	d.session.ProtocolError()
	for i := range d.commands.all {
		if c := &d.commands.all[i]; c.badTag && (odd == 0 || c.number < odd) {
			cmd := d.commands.remove(i)
			cmd.Abandon()
			d.over(&cmd)
			return
		}
	}
}

// proceed takes the server's request to go on.
func (d *IMAPDialogue) proceed() {
	c := &d.client
	if c.waits && c.is != imapTLS {
		if cmd := d.commands.numbered(c.command); cmd != nil && c.is == imapResponse {
			cmd.complete = false
		}
		d.decided()
	}
}

// replied ends a command with the reply to it.
func (d *IMAPDialogue) replied(i int, result otelmail.IMAPResult, text []byte) {
	if d.config.inOrder {
		for ; i > 0; i-- {
			c := d.commands.remove(0)
			d.finish(&c, otelmail.IMAPBroken, otelmail.CauseProtocol, "")
		}
	}
	cmd := d.commands.remove(i)
	if cmd.number >= d.odd {
		d.odd = 0
	}
	code := ""
	if result == otelmail.IMAPOK {
		cmd.cause = otelmail.CauseNone
	} else {
		code = codeOf(text)
	}
	d.finish(&cmd, result, otelmail.CauseNone, code)
	d.became(&cmd, result)
	if result == otelmail.IMAPOK {
		switch {
		case cmd.verb == mailconv.IMAPStartTLS:
			// What came with it is TLS, or an attack that the server must drop.
			d.client, d.server = imapClient{}, imapSide{}
			d.phase = imapSecuring
			return
		case cmd.compress && !d.config.decompressed:
			d.unfollow()
			return
		}
	}
	d.over(&cmd)
}

// over takes that a command is over: what the client had to wait for has been decided.
func (d *IMAPDialogue) over(cmd *imapCommand) {
	c := &d.client
	if c.command != cmd.number || !c.waits && c.is != imapDone && c.is != imapResponse {
		return // another one, or the client cannot know yet that it is over
	}
	c.command, c.literal, c.is, c.keeps = 0, 0, imapLineOfCommand, false
	d.decided()
}
