package observe

import (
	"bytes"

	"github.com/rusmes/otelmail/mailconv"
)

// pop3Line is what a line of the client says as a command. It is taken from the
// line when that is complete; the rest of the line is not kept.
type pop3Line struct {
	verb     mailconv.POP3Verb
	empty    bool
	argument bool   // there is one
	user     string // that USER and APOP name
	sasl     string // the mechanism of AUTH
}

// parsePOP3 reads a line without its end. Blanks around it are no part of it: to
// a strict server such a line is an unknown command, and refused whatever it says.
func parsePOP3(line []byte) pop3Line {
	line = bytes.Trim(line, " \r")
	word, rest, _ := bytes.Cut(line, []byte{' '})
	rest = bytes.TrimLeft(rest, " ")
	l := pop3Line{
		verb:     mailconv.ParsePOP3Verb(string(word[:min(len(word), maxPOP3Verb)])),
		empty:    len(line) == 0,
		argument: len(rest) > 0,
	}
	switch l.verb {
	case mailconv.POP3User:
		l.user = string(rest) // RFC 6856 section 2: it may hold blanks
	case mailconv.POP3Apop:
		name, _, _ := bytes.Cut(rest, []byte{' '})
		l.user = string(name)
	case mailconv.POP3Auth:
		name, _, _ := bytes.Cut(rest, []byte{' '})
		l.sasl = string(name[:min(len(name), maxMechanism)])
	}
	return l
}

// maxPOP3Verb is one byte more than the longest verb, so that no longer word is
// taken for one.
const maxPOP3Verb = 5

// multi says whether +OK to the line is the first of several.
func (l *pop3Line) multi() bool {
	switch l.verb {
	case mailconv.POP3Retr, mailconv.POP3Top, mailconv.POP3Capa:
		return true
	case mailconv.POP3List, mailconv.POP3Uidl, mailconv.POP3Auth:
		return !l.argument
	}
	return false
}

// login says whether +OK to the line logs somebody in. AUTH without a mechanism
// does not: it lists them, as servers did before RFC 5034.
func (l *pop3Line) login() bool {
	switch l.verb {
	case mailconv.POP3Pass, mailconv.POP3Apop:
		return true
	case mailconv.POP3Auth:
		return l.argument
	}
	return false
}
