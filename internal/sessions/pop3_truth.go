package sessions

import (
	"bytes"
	"slices"
	"strings"
)

// POP3 is RFC 1939 with CAPA, STLS and AUTH.
var POP3 = Protocol{name: "pop3", label: "pop3", script: pop3Script, fixed: pop3Fixed, read: readPOP3}

var pop3Verbs = strings.Fields("USER PASS APOP AUTH STAT LIST RETR DELE NOOP RSET QUIT TOP UIDL CAPA STLS")

// readPOP3 reads a session from its beginning: each line of the client has the reply
// that comes next.
func readPOP3(s *said) reading {
	r := reading{counts: Counts{}}
	r.counts.add("span POP3 session")
	r.counts.add(begins(s.mode))
	if s.mode == Implicit && !(s.over && len(s.parts[0].client)+len(s.parts[0].server) == 0) {
		r.counts.add(handshakes)
	}
	for i, p := range s.parts {
		if i > 0 {
			r.counts.add(Name("tls_sessions_total", "tls", "starttls"))
			r.counts.add(handshakes)
		}
		replies := lines{rest: p.server}
		if i == 0 {
			greeting, greeted := replies.next()
			if !greeted {
				return r
			}
			r.refused = bytes.HasPrefix(greeting, []byte("-ERR"))
		}
		r.readPOP3Part(&lines{rest: p.client}, &replies)
		for r.wants != nothing { // what was said unasked
			reply, whole := replies.next()
			if !whole {
				break
			}
			r.strange(reply)
		}
	}
	return r
}

// strange reports, and counts, a line that begins no reply. Nothing is understood
// after it: the server has ended a message where the message has a dot, for example.
func (r *reading) strange(line []byte) bool {
	if bytes.HasPrefix(line, []byte("+OK")) || bytes.HasPrefix(line, []byte("-ERR")) || bytes.HasPrefix(line, []byte("+ ")) {
		return false
	}
	r.counts.add(Name("telemetry_unfollowed_sessions_total", "protocol", "pop3"))
	r.wants = nothing
	return true
}

func (r *reading) readPOP3Part(commands, replies *lines) {
	for r.wants, r.answered = anything, true; ; {
		line, whole := commands.next()
		if !whole && len(commands.rest) == 0 {
			return
		}
		if !whole { // some servers take what stands at the end for a line
			line, commands.rest = commands.rest, nil
		}
		reply, replied := replies.next()
		for r.wants = anything; replied && bytes.HasPrefix(reply, []byte("+ ")); {
			r.wants = aResponse
			if _, whole := commands.next(); !whole {
				return
			}
			r.wants = anything
			reply, replied = replies.next()
		}
		if replied && r.strange(reply) {
			return
		}
		if !replied {
			r.answered = !whole
			return
		}
		verb, argument, _ := strings.Cut(strings.Trim(string(line), " \r"), " ")
		if verb = strings.ToUpper(verb); !slices.Contains(pop3Verbs, verb) {
			verb = "_OTHER"
		}
		ok := bytes.HasPrefix(reply, []byte("+OK"))
		if several := strings.Contains("CAPA RETR TOP", verb) ||
			strings.Contains("LIST UIDL AUTH", verb) && strings.TrimSpace(argument) == ""; ok && several {
			for string(reply) != ".\r" {
				if reply, replied = replies.next(); !replied {
					r.answered = false
					return
				}
			}
		}
		r.counts.add("span POP3 " + verb + map[bool]string{true: " ok", false: " err"}[ok])
		switch {
		case ok && verb == "STLS":
			if r.wants = aHandshake; len(commands.rest) > 0 { // no server may obey what stands in plaintext behind it
				r.wants = nothing
			}
			return
		case ok && verb == "QUIT":
			r.wants = nothing
			return
		}
	}
}

// lines are taken from bytes one by one, without the LF.
type lines struct{ rest []byte }

func (l *lines) next() (line []byte, whole bool) {
	if i := bytes.IndexByte(l.rest, '\n'); i >= 0 {
		line, l.rest = l.rest[:i], l.rest[i+1:]
		return line, true
	}
	return nil, false
}
