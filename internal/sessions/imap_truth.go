package sessions

import (
	"bytes"
	"slices"
	"strconv"
	"strings"
)

// IMAP is RFC 9051 and 3501 with LITERAL+ and IDLE, for servers that answer one command
// after the other.
var IMAP = Protocol{name: "imap", label: "imap", script: imapScript, fixed: imapFixed, read: readIMAP}

var imapVerbs = strings.Fields("CAPABILITY NOOP LOGOUT STARTTLS AUTHENTICATE LOGIN ENABLE SELECT EXAMINE CREATE DELETE RENAME " +
	"SUBSCRIBE UNSUBSCRIBE LIST LSUB NAMESPACE STATUS APPEND IDLE CHECK CLOSE UNSELECT EXPUNGE SEARCH FETCH STORE COPY MOVE ID")

// readIMAP reads a session from its beginning: each command has the reply that has its
// tag, and goes on where the server says so by "+".
func readIMAP(s *said) reading {
	r := imapReading{reading: reading{counts: Counts{}}}
	r.counts.add("imap_connections_total")
	r.counts.add(begins(s.mode))
	if s.over && s.mode == Implicit && len(s.parts[0].client)+len(s.parts[0].server) == 0 {
		r.counts.add("imap_errors_total") // no handshake
	} else if s.mode == Implicit {
		r.counts.add(handshakes)
	}
	spoke := false
	for i, p := range s.parts {
		if i > 0 {
			r.counts.add(Name("tls_sessions_total", "tls", "starttls"))
			r.counts.add(handshakes)
		}
		r.commands, r.replies = lines{rest: p.client}, lines{rest: p.server}
		if i == 0 {
			if line, greeted := r.response(); !greeted || !bytes.HasPrefix(line, []byte("* ")) {
				return r.reading
			} else if r.refused = bytes.HasPrefix(line, []byte("* BYE")); r.refused {
				return r.reading
			}
		}
		r.readPart()
		spoke = len(p.client) > 0
	}
	switch {
	case !s.over:
	case r.open: // cut off, once
		r.counts.add("imap_commands_total")
		r.counts.add("imap_errors_total")
		if r.verb == "LOGIN" || r.verb == "AUTHENTICATE" {
			r.counts.add(authAttempts("imap", false))
		}
	case r.wants == aHandshake, r.odd, s.reset && spoke && r.wants != nothing:
		r.counts.add("imap_errors_total")
	}
	return r.reading
}

type imapReading struct {
	reading
	commands, replies lines
	open              bool   // a command is in progress whose end the client has not said
	verb              string // its
	odd               bool   // a line that is no command has no answer
}

// response is the first line of the next response; literals belong to it.
func (r *imapReading) response() (first []byte, whole bool) {
	for {
		line, whole := r.replies.next()
		if !whole {
			return nil, false
		}
		if first == nil {
			first = line
		}
		size, _, ok := literalOf(line)
		if !ok {
			return first, true
		}
		if size > len(r.replies.rest) {
			return nil, false
		}
		r.replies.rest = r.replies.rest[size:]
	}
}

// literalOf reads {n} or {n+} at the end of a line.
func literalOf(line []byte) (size int, asks, ok bool) {
	text, found := strings.CutSuffix(strings.TrimSuffix(string(line), "\r"), "}")
	at := strings.LastIndexByte(text, '{')
	if !found || at < 0 {
		return 0, false, false
	}
	digits, unasked := strings.CutSuffix(text[at+1:], "+")
	n, err := strconv.ParseUint(digits, 10, 31)
	return int(n), !unasked, err == nil
}

func (r *imapReading) readPart() {
	for r.wants, r.answered = anything, true; r.wants == anything; {
		line, whole := r.commands.next()
		if !whole {
			// For the end of what is no command some servers do not wait.
			rest := string(r.commands.rest)
			r.unknown = r.unknown || rest != "" && (rest[0] != 'a' || strings.HasPrefix(rest, "a  "))
			r.unasked()
			return
		}
		tag, rest, _ := strings.Cut(strings.TrimSuffix(string(line), "\r"), " ")
		verb, arguments, _ := strings.Cut(rest, " ")
		r.odd = tag == "" || verb == ""
		if strings.EqualFold(verb, "UID") && arguments != "" {
			verb, _, _ = strings.Cut(arguments, " ")
		}
		if verb = strings.ToUpper(verb); !slices.Contains(imapVerbs, verb) {
			verb = "_OTHER"
		}
		r.command(tag, verb, line)
	}
}

// unasked reads what the server says without a command.
func (r *imapReading) unasked() {
	for r.wants != nothing {
		line, whole := r.response()
		switch {
		case !whole:
			return
		case bytes.HasPrefix(line, []byte("* BYE")):
			r.wants = nothing
		case bytes.HasPrefix(line, []byte("* BAD")):
			r.counts.add("imap_errors_total")
		case !bytes.HasPrefix(line, []byte("* ")): // to a command whose line has no end
			r.end("_OTHER", strings.Fields(string(line) + " _ _")[1])
		}
	}
}

// command reads a command, of which the first line is given, to its reply.
func (r *imapReading) command(tag, verb string, line []byte) {
	bye := false
	r.verb = verb
	for {
		size, asks, literal := literalOf(line)
		literal = literal && !r.odd
		if literal && !asks {
			if line = r.literal(size); line == nil {
				r.open = !r.late(verb)
				return
			}
			continue
		}
		response, whole := r.response()
		status := strings.Fields(string(response) + " _ _")
		switch {
		case !whole:
			r.answered, r.open = false, !bye && !r.odd
			if bye { // for a reason of its own: it has not hung up on what is no command
				r.wants, r.odd = nothing, false
			}
			r.unknown = r.unknown || !isAtom(tag) // some servers do not wait for the line's end
			return
		case status[0] == "+":
			if !r.goOn(literal, size, &line) {
				if r.open = !r.late(verb) && verb != "IDLE"; r.wants != nothing {
					r.wants = aContinuation
				}
				return
			}
		case status[0] == "*" && strings.EqualFold(status[1], "BYE"):
			bye = true
		case status[0] == "*" && strings.EqualFold(status[1], "BAD"):
			r.counts.add("imap_errors_total")
			if r.odd || !isAtom(tag) {
				r.odd = false
				return
			}
		case status[0] == "*":
		case status[0] != tag && !r.odd:
			r.end("_OTHER", status[1])
		default:
			r.end(verb, status[1])
			r.odd = false
			if bye {
				r.wants = nothing
			}
			return
		}
	}
}

func isAtom(tag string) bool { return !strings.ContainsAny(tag, "(){%*\"\\+") }

// literal takes a literal and returns the line behind it, nil if that is not said yet.
func (r *imapReading) literal(size int) (line []byte) {
	if size > len(r.commands.rest) {
		r.commands.rest = nil
		return nil
	}
	r.commands.rest = r.commands.rest[size:]
	return r.line()
}

// goOn takes what the server has asked for: a literal and the line behind it, or a line.
func (r *imapReading) goOn(literal bool, size int, line *[]byte) bool {
	if literal {
		*line = r.literal(size)
		return *line != nil
	}
	*line = nil // what a response to AUTHENTICATE ends with is no literal
	return r.line() != nil
}

// line takes a line, nil if its end is not said yet.
func (r *imapReading) line() []byte {
	line, whole := r.commands.next()
	if !whole {
		r.commands.rest = nil
	}
	return line
}

// late takes the reply to a command that the client has not said to its end, if the
// server gives one.
func (r *imapReading) late(verb string) bool {
	for {
		response, whole := r.response()
		if !whole {
			return false
		}
		if status := strings.Fields(string(response) + " _ _"); status[0] != "*" && status[0] != "+" {
			r.end(verb, status[1])
			return true
		}
	}
}

// end counts a command and its reply.
func (r *imapReading) end(verb, status string) {
	if r.odd {
		verb = "_OTHER"
	}
	status = strings.ToLower(status)
	r.counts.add("imap_commands_total")
	r.counts.add("span IMAP " + verb + " " + status)
	switch {
	case status != "ok":
		r.counts.add("imap_errors_total")
	case verb == "STARTTLS":
		r.wants = aHandshake
	case verb == "LOGOUT":
		r.wants = nothing
	}
}
