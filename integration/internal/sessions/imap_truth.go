package sessions

import (
	"bytes"
	"slices"
	"strconv"
	"strings"
)

// IMAP is RFC 9051. It has no script: it is for a [Proxy], between real clients and a
// server.
var IMAP = Protocol{name: "imap", read: readIMAP}

var imapVerbs = strings.Fields("CAPABILITY NOOP LOGOUT STARTTLS AUTHENTICATE LOGIN ENABLE SELECT EXAMINE CREATE DELETE " +
	"RENAME SUBSCRIBE UNSUBSCRIBE LIST LSUB NAMESPACE STATUS APPEND IDLE CHECK CLOSE UNSELECT EXPUNGE SEARCH FETCH STORE COPY MOVE ID")

// readIMAP reads a session from its beginning: a reply with a tag ends the command of
// that tag, and everything else that the server says belongs to one of them.
func readIMAP(s *said) reading {
	r := reading{counts: Counts{}, answered: true}
	r.counts.add("imap_connections_total")
	r.counts.add("tls_sessions_total/" + map[bool]string{true: "yes", false: "no"}[s.mode == Implicit])
	for i, p := range s.parts {
		if i > 0 {
			r.counts.add("tls_sessions_total/starttls")
		}
		r.readIMAPPart(p.client, p.server)
	}
	if s.over && s.reset && r.wants != nothing {
		r.counts.add("imap_errors_total") // cut off
	}
	return r
}

func (r *reading) readIMAPPart(client, server []byte) {
	replies := lines{rest: server}
	r.wants, r.answered = anything, len(client) == 0
	for r.wants == anything {
		reply, whole := replies.next()
		for size := literal(reply); whole && size >= 0; size = literal(reply) {
			if size > len(replies.rest) {
				return
			}
			replies.rest = replies.rest[size:]
			reply, whole = replies.next()
		}
		if !whole {
			return
		}
		words := strings.Fields(string(reply))
		if len(words) < 2 || words[0] == "*" || words[0] == "+" {
			continue
		}
		tag, status := words[0], strings.ToLower(words[1])
		verb := imapVerb(client, tag)
		r.counts.add("imap_commands_total")
		r.counts.add("span IMAP " + verb + " " + status)
		if status != "ok" {
			r.counts.add("imap_errors_total")
		}
		switch {
		case status == "ok" && verb == "STARTTLS":
			r.wants = aHandshake
		case status == "ok" && verb == "LOGOUT":
			r.wants = nothing
		}
		last := client[bytes.LastIndexByte(bytes.TrimRight(client, "\r\n"), '\n')+1:]
		r.answered = bytes.HasPrefix(last, []byte(tag+" "))
	}
}

// literal is the size of the literal that a line of the server announces, -1 if none.
func literal(line []byte) int {
	size, ok := bytes.CutSuffix(line, []byte("}\r"))
	size = size[bytes.LastIndexByte(size, '{')+1:]
	n, err := strconv.Atoi(string(size))
	if !ok || err != nil {
		return -1
	}
	return n
}

// imapVerb is what the client has asked for with a tag.
func imapVerb(client []byte, tag string) string {
	_, command, _ := strings.Cut("\n"+string(client), "\n"+tag+" ")
	words := strings.Fields(strings.ToUpper(command))
	if len(words) > 1 && words[0] == "UID" {
		words = words[1:]
	}
	if len(words) == 0 || !slices.Contains(imapVerbs, words[0]) {
		return "_OTHER"
	}
	return words[0]
}
