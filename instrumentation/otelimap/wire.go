package otelimap

import (
	"bytes"
	"strconv"

	"github.com/rusmes/otelmail"
)

// wire reads go-imap's replies in plaintext. It is guarded by connection.mu.
type wire struct {
	visible  bool
	farewell bool  // BYE has been said
	literal  int64 // bytes of a literal still to come

	line  lineKind
	first byte
	tag   int      // length of the tag, as far as it has come
	past  bool     // the tag is over
	rest  [96]byte // what follows the tag
	have  int
	tail  [64]byte // the line's last bytes: a literal's length, or what is behind a long code
	held  int
}

type lineKind uint8

const (
	fresh    lineKind = iota // no byte of the line has come
	untagged                 // "*"
	tagged                   // all others: a tag, or "+"
)

// wrote reads what go-imap is about to write, in pieces of any size. It reports
// whether the wire can still be read.
func (c *connection) wrote(b []byte) bool {
	for {
		c.mu.Lock()
		line, found, left := c.wire.next(b)
		visible := c.wire.visible
		c.mu.Unlock()
		if found {
			c.replied(line)
		}
		if b = left; len(b) == 0 || !visible {
			return visible
		}
	}
}

// next reads up to the end of a line. If that is a tagged reply, found is true.
func (w *wire) next(b []byte) (line replyLine, found bool, left []byte) {
	for len(b) > 0 && w.visible {
		if n := min(w.literal, int64(len(b))); n > 0 {
			w.literal -= n
			b = b[n:]
			continue
		}
		part, rest, ended := bytes.Cut(b, []byte{'\n'})
		w.take(part)
		if b = rest; !ended || !w.visible {
			continue
		}
		line, found = w.finish()
		if found {
			return line, true, b
		}
	}
	return replyLine{}, false, nil
}

// take takes a part of a line.
func (w *wire) take(part []byte) {
	if len(part) == 0 {
		return
	}
	if w.line == fresh {
		switch w.first = part[0]; {
		case w.first == '*':
			w.line = untagged
		case w.first < ' ' && w.first != '\r': // no tag: a record of TLS
			w.visible = false
			return
		default:
			w.line = tagged
		}
	}
	w.keepTail(part)
	if !w.past {
		space := bytes.IndexByte(part, ' ')
		if space < 0 {
			w.tag += len(part)
			return
		}
		w.tag, w.past = w.tag+space, true
		part = part[space+1:]
	}
	w.have += copy(w.rest[w.have:], part)
}

func (w *wire) keepTail(part []byte) {
	if size := len(w.tail); len(part) >= size {
		w.held = copy(w.tail[:], part[len(part)-size:])
		return
	}
	if over := w.held + len(part) - len(w.tail); over > 0 {
		w.held = copy(w.tail[:], w.tail[over:w.held])
	}
	w.held += copy(w.tail[w.held:], part)
}

// finish ends a line.
func (w *wire) finish() (line replyLine, found bool) {
	rest := w.rest[:w.have]
	switch w.line {
	case untagged:
		if n, ok := literalLength(w.tail[:w.held]); ok { // behind it the line goes on
			w.literal, w.held = n, 0
			return line, false
		}
		w.farewell = w.farewell || bytes.HasPrefix(rest, []byte("BYE "))
	case tagged:
		line = parseReply(rest, w.tail[:w.held])
		// "+ " asks the client to go on, unless its tag is "+".
		found = w.past && (w.first != '+' || w.tag > 1 || line.answers)
	}
	w.line, w.tag, w.past, w.have, w.held = fresh, 0, false, 0, 0
	return line, found
}

// literalLength reads "{5}\r" at the end of a line that a literal follows (RFC
// 9051 section 4.3).
func literalLength(tail []byte) (n int64, ok bool) {
	tail, ok = bytes.CutSuffix(tail, []byte("}\r"))
	brace := bytes.LastIndexByte(tail, '{')
	if !ok || brace < 0 {
		return 0, false
	}
	n, err := strconv.ParseInt(string(tail[brace+1:]), 10, 64)
	return n, err == nil && n >= 0
}

// replyLine is a tagged reply.
type replyLine struct {
	reply
	answers bool // it is OK, NO or BAD
	verb    otelmail.IMAPVerb
}

// parseReply reads a reply from behind its tag: RFC 9051 section 7.1. The code
// may be too long for what was kept of it; tail is how the line ends.
func parseReply(b, tail []byte) replyLine {
	word, text, _ := bytes.Cut(bytes.TrimSuffix(b, []byte{'\r'}), []byte{' '})
	line := replyLine{reply: reply{result: resultOf(string(word))}}
	switch string(word) {
	case "OK", "NO", "BAD":
		line.answers = true
	}
	if code, ok := bytes.CutPrefix(text, []byte{'['}); ok {
		code, text, ok = bytes.Cut(code, []byte{']'})
		if !ok {
			text = bytes.TrimSuffix(tail[bytes.LastIndexByte(tail, ']')+1:], []byte{'\r'})
		}
		text = bytes.TrimPrefix(text, []byte{' '})
		if line.result != otelmail.IMAPOK {
			line.code = string(code)
		}
	}
	if line.result == otelmail.IMAPOK {
		line.verb = verbOf(text)
	}
	return line
}

// verbOf is the verb of a command that succeeded, which go-imap's text tells of
// most: "FETCH completed".
func verbOf(text []byte) otelmail.IMAPVerb {
	if name, ok := bytes.CutSuffix(text, []byte(" completed")); ok && len(name) < 32 {
		return otelmail.ParseIMAPVerb(string(bytes.TrimPrefix(name, []byte("UID "))))
	}
	switch {
	case bytes.HasSuffix(text, []byte(" authentication successful")):
		return otelmail.IMAPAuthenticate
	case bytes.HasPrefix(text, []byte("Begin TLS ")):
		return otelmail.IMAPStartTLS
	}
	return otelmail.IMAPOther
}

// replied takes a tagged reply: each ends one command. One that the session has
// not been told of is go-imap's own.
func (c *connection) replied(line replyLine) {
	c.mu.Lock()
	facts := c.facts("")
	cmd := &c.command
	switch {
	case cmd.open:
		if line.verb != otelmail.IMAPOther && line.verb != cmd.verb {
			cmd.verb = line.verb
			cmd.Refine(line.verb, otelmail.IMAPFacts{})
		}
		c.mu.Unlock()
		c.settle(line.reply)
	case c.idle.take():
		line.cause = c.idle.cause
		c.mu.Unlock()
		c.idled(line.reply)
	default:
		c.told = c.lost() != otelmail.CauseNone
		c.mu.Unlock()
		line.end(c.session.Command(line.verb, facts))
	}
}
