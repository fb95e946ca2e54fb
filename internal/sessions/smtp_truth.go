package sessions

import (
	"bytes"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// MessagesReceived is the series of messages that a server has taken.
const MessagesReceived = "smtp_messages_received_total"

// SMTP is RFC 5321 with AUTH, STARTTLS, SIZE and CHUNKING.
var SMTP = Protocol{name: "smtp", label: "smtp", script: smtpScript, fixed: smtpFixed, read: readSMTP}

// LMTP is RFC 2033, without CHUNKING: there a refusal of the last chunk does not say whether
// it is the only one.
var LMTP = Protocol{name: "lmtp", label: "smtp", script: lmtpScript, fixed: lmtpFixed, read: readSMTP}

var smtpVerbs = strings.Fields("HELO EHLO LHLO MAIL RCPT DATA BDAT BURL RSET VRFY EXPN HELP NOOP QUIT AUTH STARTTLS")

// readSMTP reads a session from its beginning: each line of the client has the reply
// that comes next, DATA's message is what follows on 354, and BDAT's chunk what follows
// on its line.
func readSMTP(s *said) reading {
	r := smtpReading{reading: reading{counts: Counts{}}}
	for _, name := range []string{"smtp_connections_total", "smtp_session_duration_seconds_count", "span SMTP session"} {
		r.counts.add(name)
	}
	r.counts.add(begins(s.mode))
	if s.over && s.mode == Implicit && len(s.parts[0].client)+len(s.parts[0].server) == 0 {
		r.lost() // no handshake
	} else if s.mode == Implicit {
		r.counts.add(handshakes)
	}
	spoke := false
	for i, p := range s.parts {
		if i > 0 {
			r.counts.add(Name("tls_sessions_total", "tls", "starttls"))
			r.counts.add(handshakes)
			r.span("STARTTLS", 220)
		}
		r.replies = lines{rest: p.server}
		if i == 0 {
			code, greeted := r.reply()
			if !greeted {
				return r.reading
			}
			if r.refused = code >= 400; r.refused {
				r.counts.add("smtp_errors_total")
			}
		}
		r.commands = lines{rest: p.client}
		r.broken = false
		r.early = func() bool {
			return s.heardAfter(i, len(p.server)-len(r.replies.rest)) <= len(p.client)-len(r.latest)
		}
		r.readPart()
		spoke = len(p.client) > 0
	}
	for more := r.wants != nothing; more; { // what was said unasked
		var code int
		if code, more = r.reply(); more && code >= 400 && r.wants == anything {
			r.counts.add("smtp_errors_total")
		}
	}
	if n := len(r.codes); n > 1 && r.wants != nothing && r.codes[n-2] >= 500 && r.codes[n-1] >= 400 && (s.closed || r.codes[n-1] == 421 || r.farewell) {
		r.unknown = true // the last may be beside the one before, and not be for what was said meanwhile
	}
	if r.strange {
		r.counts.add(Name("telemetry_unfollowed_sessions_total", "protocol", "smtp"))
	}
	if s.over && r.wants == aResponse {
		r.counts.add("smtp_auth_failure_total")
		r.counts.add(authAttempts("smtp", false))
	}
	switch {
	case !s.over:
	case r.wants == aHandshake, r.wants == aResponse, r.wants == aBody, r.chunks, s.reset && spoke && r.wants != nothing, r.broken:
		r.lost()
	}
	return r.reading
}

// lost counts a session that was cut off, once.
func (r *smtpReading) lost() {
	r.counts.add("smtp_errors_total")
	r.counts.add("connections_lost_total")
}

type smtpReading struct {
	reading
	commands, replies lines
	recipients        []string    // domains
	chunking          string      // what EHLO was answered of CHUNKING: "yes", "no", "" if not asked
	offered           bool        // the last reply has CHUNKING
	chunks            bool        // a message comes by BDAT, and is not over
	begun             bool        // a chunk of it was accepted
	size              int         // of the message that comes by BDAT, as far as it has come
	lmtp              bool        // a reply for each recipient
	broken            bool        // the server closed without a reply
	latest            []byte      // what the client has said from the latest command on
	early             func() bool // the latest reply had come before the latest command
	codes             []int       // of the replies
	farewell          bool        // the latest reply says that the server closes
	strange           bool        // it has said what nobody understands
}

func (r *smtpReading) span(verb string, code int) {
	r.counts.add(fmt.Sprintf("span SMTP %s %d", verb, code))
}

// reply is the code of the next reply.
func (r *smtpReading) reply() (code int, whole bool) {
	r.offered = false
	for !r.strange {
		line, whole := r.replies.next()
		if !whole || len(line) < 3 {
			return 0, false
		}
		if string(bytes.TrimSpace(line[min(4, len(line)):])) == "CHUNKING" {
			r.offered = true
		}
		code, err := strconv.Atoi(string(line[:3]))
		if err != nil { // no reply of SMTP
			r.strange = true
			return 0, false
		}
		if bytes.Contains(line, []byte("Too many errors")) { // go-smtp, beside the reply to the last of them
			r.counts.add("smtp_errors_total")
			r.wants = nothing
			return 0, false
		}
		if len(line) == 3 || line[3] != '-' {
			r.codes = append(r.codes, code)
			r.farewell = bytes.Contains(bytes.ToLower(line), []byte("clos"))
			return code, true
		}
	}
	return 0, false
}

func (r *smtpReading) readPart() {
	r.recipients, r.chunking, r.chunks = nil, "", false
	for r.wants, r.answered = anything, true; r.wants == anything; {
		r.latest = r.commands.rest
		line, whole := r.commands.next()
		if !whole && len(r.commands.rest) == 0 {
			return
		}
		if !whole { // some servers take what stands at the end for a line
			line, r.commands.rest = r.commands.rest, nil
		}
		words := strings.Fields(string(line) + " _OTHER")
		verb := strings.ToUpper(words[0])
		if !slices.Contains(smtpVerbs, verb) || line[0] == ' ' || line[0] == '\t' {
			verb = "_OTHER"
		}
		size, last, chunk := 0, false, false
		if verb == "BDAT" && r.chunking != "no" {
			size, last, chunk = chunkOf(words[1 : len(words)-1])
		}
		cut := chunk && size > len(r.commands.rest)
		code, replied := r.reply()
		for replied && r.early() {
			if code >= 400 {
				r.counts.add("smtp_errors_total")
			}
			code, replied = r.reply()
		}
		if !replied && r.wants == nothing {
			r.answered = false
			return
		}
		if !replied {
			r.answered, r.broken = !whole || cut, whole && !cut
			if cut {
				r.wants = aBody
			}
			return
		}
		if chunk = chunk && (r.chunking == "yes" || code != 500); chunk {
			r.commands.rest = r.commands.rest[min(size, len(r.commands.rest)):]
			if len(r.recipients) > 0 {
				r.size += size
				if cut {
					r.wants = aBody
					return
				}
				r.endChunk(code, last)
				continue
			}
		}
		if code = r.goOn(verb, code); code == 0 {
			if r.wants == anything && r.answered && !r.broken {
				continue // a message of LMTP
			}
			return
		}
		r.end(verb, string(line), code)
	}
}

// chunkOf reads the arguments of BDAT (RFC 3030 section 2).
func chunkOf(words []string) (size int, last, ok bool) {
	if len(words) == 0 || len(words) > 2 || len(words) == 2 && !strings.EqualFold(words[1], "LAST") {
		return 0, false, false
	}
	n, err := strconv.ParseUint(words[0], 10, 31)
	return int(n), len(words) == 2, err == nil
}

// endChunk counts the reply to a chunk. All chunks are one command, which ends with the
// last or with the refusal of one.
func (r *smtpReading) endChunk(code int, last bool) {
	switch {
	case code < 400 && !last:
		r.chunks, r.begun = true, true
		return
	case !last && code >= 500 && code <= 504 && r.begun:
		r.counts.add("smtp_errors_total") // and the message goes on
		return
	case !last && code >= 500 && code <= 504:
		r.size = 0
		r.span("BDAT", code)
		r.counts.add("smtp_errors_total")
		return
	case code < 400:
		r.received(r.size, r.recipients)
	default:
		r.counts.add("smtp_errors_total")
		r.rejected(code)
	}
	r.span("BDAT", code)
	r.forget()
}

func (r *smtpReading) forget() { r.recipients, r.chunks, r.begun, r.size = nil, false, false, 0 }

func (r *smtpReading) rejected(code int) {
	r.counts.add("smtp_messages_rejected_total")
	r.counts.add(rejections("data", class(code)))
}

func class(code int) string { return fmt.Sprintf("%dxx", code/100) }

// received counts a message of so many bytes, as the client has sent them.
func (r *smtpReading) received(size int, recipients []string) {
	r.counts.add(MessagesReceived)
	if size > 0 {
		r.counts.add("message_size_bytes_count")
		r.counts["message_size_bytes_sum"] += int64(size)
	}
	r.counts.add("message_recipients_count")
	r.counts["message_recipients_sum"] += int64(len(recipients))
	slices.Sort(recipients)
	for _, domain := range slices.Compact(recipients) {
		r.counts.add(Name("messages_per_domain_total", "domain", domain))
	}
}

// goOn reads what follows on an intermediate reply, and returns the last reply, 0 if
// there is none yet.
func (r *smtpReading) goOn(verb string, code int) int {
	var replied bool
	for verb == "AUTH" && code == 334 {
		r.wants = aResponse
		_, whole := r.commands.next()
		if !whole && len(r.commands.rest) == 0 {
			return 0
		}
		if !whole { // some servers take what stands at the end for a line
			r.commands.rest = nil
		}
		if code, replied = r.reply(); !replied {
			r.answered = !whole
			return 0
		}
		r.wants = anything
	}
	if verb == "DATA" && code == 354 {
		r.wants = aBody
		end := bytes.Index(append([]byte("\r\n"), r.commands.rest...), []byte("\r\n.\r\n"))
		if end < 0 {
			return 0
		}
		r.commands.rest = r.commands.rest[end+len(".\r\n"):]
		r.wants = anything
		if r.lmtp && len(r.recipients) > 0 {
			return r.each(end)
		}
		if code, replied = r.reply(); !replied {
			r.answered, r.broken = false, true
			return 0
		}
		if code < 400 {
			r.received(end, r.recipients)
			r.forget()
		}
	}
	return code
}

// each reads the replies to a message of LMTP, one for each recipient. It is one command, and
// accepted where one of them is; the last refusal is what its span shows.
func (r *smtpReading) each(size int) int {
	shown, accepted := 250, []string(nil)
	var codes []int
	for range r.recipients {
		code, replied := r.reply()
		if !replied {
			r.answered, r.broken = false, true
			return 0
		}
		if codes = append(codes, code); code < 400 {
			accepted = append(accepted, r.recipients[len(codes)-1])
		} else {
			shown = code
		}
	}
	for _, code := range codes {
		r.counts.add(Name("replies_total", "class", class(code), "command", "DATA", "protocol", "smtp"))
		if code >= 400 {
			r.counts.add("smtp_errors_total")
			r.counts.add(rejections("data", class(code)))
		}
	}
	if len(accepted) > 0 {
		r.received(size, accepted)
	} else {
		r.counts.add("smtp_messages_rejected_total")
	}
	r.span("DATA", shown)
	r.counts[Name("replies_total", "class", class(shown), "command", "DATA", "protocol", "smtp")]-- // the span's
	r.forget()
	return 0
}

// end counts a command and its reply.
func (r *smtpReading) end(verb, line string, code int) {
	if verb == "STARTTLS" && code == 220 {
		r.wants = aHandshake
		return
	}
	r.span(verb, code)
	if code >= 400 {
		r.counts.add("smtp_errors_total")
	}
	switch {
	case verb == "AUTH" && code < 400:
		r.counts.add("smtp_auth_success_total")
	case verb == "AUTH":
		r.counts.add("smtp_auth_failure_total")
	case verb == "DATA" && code >= 400:
		// 500 to 504 refuse a command for its syntax or order (RFC 5321 section 4.2.4).
		if len(r.recipients) > 0 && (code < 500 || code > 504) {
			r.rejected(code)
		}
	case verb == "RCPT" && code < 300:
		r.recipients = append(r.recipients, domainOf(line))
	case slices.Contains([]string{"HELO", "EHLO", "LHLO", "RSET", "MAIL"}, verb) && code < 300:
		if r.chunks {
			r.counts.add("smtp_errors_total") // of the message that is given up
		}
		r.forget()
		if verb == "EHLO" || verb == "LHLO" {
			r.lmtp = verb == "LHLO"
			r.chunking = map[bool]string{true: "yes", false: "no"}[r.offered]
		}
	case verb == "QUIT" && code < 300:
		r.wants = nothing
	}
}

// domainOf is the domain in RCPT TO:<local@domain>, as it is shown.
func domainOf(line string) string {
	_, path, _ := strings.Cut(line, ":")
	if end := strings.LastIndex(path, ">"); end >= 0 {
		path = path[:end]
	}
	at := strings.LastIndex(path, "@")
	if at < 0 {
		return "_other"
	}
	return strings.ToLower(strings.TrimSpace(path[at+1:]))
}
