package observe

import (
	"bytes"
	"math"
	"strconv"
	"strings"

	semconv "go.opentelemetry.io/otel/semconv/v1.43.0"

	"github.com/rusmes/otelmail"
	"github.com/rusmes/otelmail/mailconv"
)

// smtpClient is the client's side of a dialogue.
type smtpClient struct {
	said  line   // a command that has not come to its end
	ahead []byte // what came after a command that has no reply yet
	late  bool   // that is looked at now
	body  smtpBody
	chunk uint64 // bytes of a BDAT chunk still to come
	size  int64  // of the message as far as it has come
	// response says that AUTH has been answered with 334.
	response bool
	// stalled says that reading failed inside a body: the rest of it does not come.
	stalled bool
}

const maxAhead = 64 << 10

// hear takes what the client says, as far as it is known what that is.
func (d *SMTPDialogue) hear(p []byte) {
	if len(d.ahead) == 0 {
		p = d.understand(p)
	}
	if len(p) > 0 {
		d.keep(p)
	}
}

func (d *SMTPDialogue) keep(p []byte) {
	if len(d.ahead)+len(p) > maxAhead {
		d.unfollow()
		return
	}
	d.ahead = append(d.ahead, p...)
}

// goOn looks again at what came ahead, after a reply.
func (d *SMTPDialogue) goOn() {
	if len(d.ahead) == 0 || d.over {
		return
	}
	d.late = true
	rest := d.understand(d.ahead)
	d.late = false
	if d.over {
		return
	}
	if len(rest) == 0 && cap(d.ahead) > 2*maxLine {
		d.ahead = nil
		return
	}
	d.ahead = d.ahead[:copy(d.ahead, rest)]
}

// understand returns what cannot be understood before the server has answered.
func (d *SMTPDialogue) understand(p []byte) []byte {
	for len(p) > 0 && !d.over {
		switch {
		case d.body != bodyNone:
			rest := d.body.skip(p)
			d.size += int64(len(p) - len(rest))
			p = rest
		case d.chunk > 0:
			n := min(d.chunk, uint64(len(p)))
			d.chunk -= n
			d.size += int64(n)
			p = p[n:]
		case d.response:
			_, rest, whole := bytes.Cut(p, []byte{'\n'})
			d.response = !whole
			p = rest
		case d.command.open:
			return p
		default:
			said, rest, whole := d.said.next(p, maxLine)
			if whole {
				d.begins(said)
			}
			p = rest
		}
	}
	return nil
}

// begins begins a command.
func (d *SMTPDialogue) begins(said []byte) {
	if d.left == otelmail.CauseTLSHandshake {
		d.left = otelmail.CauseNone
	}
	word, args := said, []byte(nil)
	if i := blank(said); i < len(said) {
		word, args = said[:i], said[i+1:]
	}
	verb := mailconv.ParseSMTPVerb(string(word))
	if starts := len("STARTTLS"); len(word) > starts && bytes.EqualFold(word[:starts], []byte("STARTTLS")) {
		verb = mailconv.SMTPStartTLS // to go-smtp, whatever follows
	}
	d.command = smtpCommand{open: true, verb: verb, empty: len(said) == 0, ahead: d.late, address: d.command.address[:0]}
	if verb == mailconv.SMTPBdat {
		d.beginChunk(args)
		return
	}
	d.command.SMTPCommand = d.session.Command(verb)
	switch c := &d.command; verb {
	case mailconv.SMTPHelo, mailconv.SMTPEhlo, mailconv.SMTPLhlo:
		if d.notes(c) {
			name, _, _ := strings.Cut(strings.TrimSpace(string(args)), " ")
			c.Note(otelmail.SMTPFacts{Helo: name})
		}
	case mailconv.SMTPAuth:
		mechanism, response, _ := strings.Cut(strings.TrimSpace(string(args)), " ")
		c.Note(otelmail.SMTPFacts{Mechanism: mechanism})
		if strings.EqualFold(mechanism, "PLAIN") && d.notes(c) {
			c.name = plainUser([]byte(response))
		}
	case mailconv.SMTPMail:
		if d.notes(c) {
			address, params := smtpPath(args)
			c.Note(otelmail.SMTPFacts{From: string(address)})
			if size, ok := smtpSize(params); ok {
				c.Span().SetAttributes(semconv.MessagingMessageBodySize(size))
			}
		}
	case mailconv.SMTPRcpt:
		address, _ := smtpPath(args)
		c.address = append(c.address, address...)
		if d.notes(c) {
			c.Note(otelmail.SMTPFacts{To: string(address)})
		}
	}
}

// notes reports whether facts about a command are of use to anybody: each costs an allocation.
func (d *SMTPDialogue) notes(c *smtpCommand) bool { return c.Recording() || d.session.Noting() }

// beginChunk begins a chunk by BDAT. Its bytes follow even where it is refused
// (RFC 3030 section 2), unless the server does not know the command.
func (d *SMTPDialogue) beginChunk(args []byte) {
	c := &d.command
	size, last, ok := smtpChunk(args)
	switch {
	case ok && d.bdat == bdatOffered:
		d.chunk, c.last = size, last
	case ok && d.bdat == bdatUnsaid:
		c.unsure, c.size, c.last = true, size, last
	}
	switch {
	case ok && d.transfer != nil:
		c.chunk = true
	case ok && d.recipients() > 0:
		c.chunk = true
		d.size = 0
		d.transfer = &smtpTransfer{smtpCommand: smtpCommand{SMTPCommand: d.session.Command(mailconv.SMTPBdat)}}
	default:
		c.SMTPCommand = d.session.Command(mailconv.SMTPBdat)
	}
}

func smtpChunk(args []byte) (size uint64, last, ok bool) {
	words := bytes.Fields(args)
	if len(words) == 0 || len(words) > 2 || len(words) == 2 && !bytes.EqualFold(words[1], []byte("LAST")) {
		return 0, false, false
	}
	size, err := strconv.ParseUint(string(words[0]), 10, 63)
	return size, len(words) == 2, err == nil
}

// smtpPath returns the address of MAIL or RCPT without its source route and quotes
// (RFC 5321 section 4.1.2), and the parameters behind it. It takes what it can get.
func smtpPath(args []byte) (address, params []byte) {
	_, path, _ := bytes.Cut(args, []byte{':'})
	path = bytes.TrimSpace(path)
	var end int
	if len(path) > 0 && path[0] == '<' {
		path = path[1:]
		end = closing(path)
	} else {
		end = blank(path)
	}
	address, params = path[:end], path[end:]
	if len(address) > 0 && address[0] == '@' {
		if _, mailbox, ok := bytes.Cut(address, []byte{':'}); ok {
			address = mailbox
		}
	}
	if len(address) > 0 && address[0] == '"' {
		address = unquote(address)
	}
	return address, params
}

// blank is where the first word ends.
func blank(p []byte) int {
	for i, c := range p {
		if c == ' ' || c == '\t' {
			return i
		}
	}
	return len(p)
}

// closing is where the path ends: at a ">" that is not quoted.
func closing(path []byte) int {
	quoted := false
	for i := 0; i < len(path); i++ {
		switch {
		case path[i] == '"':
			quoted = !quoted
		case path[i] == '\\' && quoted:
			i++
		case path[i] == '>' && !quoted:
			return i
		}
	}
	return len(path)
}

func unquote(address []byte) []byte {
	plain := make([]byte, 0, len(address))
	for i := 1; i < len(address); i++ {
		switch address[i] {
		case '"':
			return append(plain, address[i+1:]...)
		case '\\':
			if i++; i == len(address) {
				return plain
			}
		}
		plain = append(plain, address[i])
	}
	return plain
}

// smtpSize reads the parameter SIZE of MAIL (RFC 1870).
func smtpSize(params []byte) (int, bool) {
	for _, word := range bytes.Fields(params) {
		key, value, _ := bytes.Cut(word, []byte{'='})
		if bytes.EqualFold(key, []byte("SIZE")) {
			size, err := strconv.ParseUint(string(value), 10, 63)
			return int(min(size, math.MaxInt)), err == nil
		}
	}
	return 0, false
}
