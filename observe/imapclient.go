package observe

import (
	"bytes"

	"github.com/rusmes/otelmail"
	"github.com/rusmes/otelmail/mailconv"
)

// imapClient is what the client is saying.
type imapClient struct {
	imapSide
	command uint64 // the number of the command that what comes belongs to, 0 for none
	is      imapInput
	waits   bool   // for the server to say whether that comes at all
	held    []byte // what came while it is not decided
	kept    []byte // of a literal that is a name
	keeps   bool
}

// imapInput is what comes next from the client.
type imapInput uint8

const (
	imapLineOfCommand imapInput = iota // a command, or the rest of one behind a literal
	imapLiteral                        // a literal, once the server agrees
	imapResponse                       // to a challenge of AUTHENTICATE
	imapDone                           // the end of IDLE
	imapTLS                            // or anything else that is not IMAP
)

// maxIMAPHeld is how much a client may say before it is decided what it is.
const maxIMAPHeld = 64 << 10

// hear takes what the client says.
func (d *IMAPDialogue) hear(b []byte) {
	c := &d.client
	for len(b) > 0 && d.phase == imapFollowed {
		switch {
		case c.waits:
			if len(c.held)+len(b) > maxIMAPHeld {
				d.unfollow()
				return
			}
			c.held = append(c.held, b...)
			return
		case c.literal > 0:
			rest := c.skip(b)
			if c.keeps {
				c.kept = append(c.kept, b[:len(b)-len(rest)]...)
			}
			b = rest
		default:
			line, rest, ended := c.next(b, maxIMAPLine)
			if !ended {
				return
			}
			d.said(line)
			c.forget()
			b = rest
		}
	}
}

// decided goes on with what the client has said in advance.
func (d *IMAPDialogue) decided() {
	c := &d.client
	held := c.held
	c.waits, c.held = false, nil
	d.hear(held)
	clear(held)
}

// said takes a line.
func (d *IMAPDialogue) said(line []byte) {
	c := &d.client
	cmd := d.commands.numbered(c.command)
	switch {
	case c.command == 0:
		d.commanded(line)
	case c.is == imapResponse:
		if cmd != nil {
			cmd.complete = true
			if cmd.plain {
				cmd.name, cmd.plain = plainUser(line), false
			}
		}
		c.waits = true // for the next challenge, or the result
	case c.is == imapDone: // or the client ends IDLE the wrong way
		if cmd != nil {
			cmd.complete = true
			d.start(cmd)
		}
		c.command = 0
	default: // behind a literal
		d.named(cmd)
		d.goesOn(cmd, line)
	}
}

// commanded takes the first line of a command.
func (d *IMAPDialogue) commanded(line []byte) {
	tag, rest := cutSpace(line)
	word, args := cutSpace(rest)
	if len(tag) == 0 || len(word) == 0 {
		d.odd = d.commands.count + 1
		return
	}
	compress := bytes.EqualFold(word, []byte("COMPRESS"))
	if bytes.EqualFold(word, []byte("UID")) && len(args) > 0 {
		word, args = cutSpace(args)
	}
	verb := mailconv.ParseIMAPVerb(string(word))
	cmd := d.commands.add(imapCommand{tag: d.hash(tag), badTag: !isTag(tag), verb: verb, compress: compress})
	d.client.command = d.commands.count
	if cmd != nil {
		switch {
		case namesMailbox(verb), verb == mailconv.IMAPLogin:
			cmd.name, d.client.keeps = astring(args)
		case verb == mailconv.IMAPAuthenticate:
			mechanism, response := cutSpace(args)
			cmd.sasl = string(mechanism[:min(len(mechanism), maxMechanism)])
			if cmd.plain = bytes.EqualFold(mechanism, []byte("PLAIN")); cmd.plain && len(response) > 0 {
				cmd.name, cmd.plain = plainUser(response), false
			}
		}
		if verb != mailconv.IMAPIdle {
			d.start(cmd)
		}
	}
	d.goesOn(cmd, line)
}

// maxMechanism is longer than any known one.
const maxMechanism = 32

// goesOn looks whether a command goes on behind a line. A nil one is not followed.
func (d *IMAPDialogue) goesOn(cmd *imapCommand, line []byte) {
	c := &d.client
	if n, waits, ok := literalAt(line); ok {
		c.literal, c.waits, c.is = n, waits, imapLiteral
		c.keeps = c.keeps && n <= maxIMAPArg
		return
	}
	c.keeps = false
	c.is = imapLineOfCommand
	if cmd == nil {
		c.command = 0
		return
	}
	cmd.complete = true
	switch {
	case cmd.verb == mailconv.IMAPIdle:
		c.is = imapDone
	case cmd.verb == mailconv.IMAPAuthenticate:
		c.is = imapResponse
	case cmd.verb == mailconv.IMAPStartTLS, cmd.compress:
		c.is = imapTLS
	default:
		c.command = 0
		return
	}
	c.waits = true
}

// named takes the name that came as a literal.
func (d *IMAPDialogue) named(cmd *imapCommand) {
	c := &d.client
	if c.keeps && cmd != nil {
		cmd.name = string(c.kept)
		if namesMailbox(cmd.verb) {
			cmd.Note(otelmail.IMAPFacts{Mailbox: cmd.name})
		}
	}
	c.keeps, c.kept = false, c.kept[:0]
}

// isTag reports whether a tag is one (RFC 9051 section 9: no atom-specials, no
// resp-specials but "]", no "+").
func isTag(tag []byte) bool {
	for _, b := range tag {
		if b <= ' ' || b >= 0x7f || bytes.IndexByte([]byte(`(){%*"\+`), b) >= 0 {
			return false
		}
	}
	return true
}
