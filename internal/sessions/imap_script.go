package sessions

import (
	"encoding/base64"
	"fmt"
	"math/rand/v2"
	"strings"
)

// imapScript is what an IMAP client says: perhaps TLS, a login that may fail, then
// anything, with literals of both kinds.
func imapScript(rng *rand.Rand, server *Server) (units []unit) {
	tags := 0
	say := func(line string) {
		tags++
		units = append(units, unit{text: fmt.Sprintf("a%d %s\r\n", tags, line)})
	}
	more := func(line string) { units = append(units, unit{text: line, only: aContinuation}) }
	encoded := func(text string) string { return base64.StdEncoding.EncodeToString([]byte(text)) }
	// literal says a command whose last argument but rest is a literal.
	literal := func(command, text, rest string) {
		if rng.IntN(3) == 0 {
			say(fmt.Sprintf("%s {%d+}\r\n%s%s", command, len(text), text, rest))
			return
		}
		say(fmt.Sprintf("%s {%d}", command, len(text)))
		more(text + rest + "\r\n")
	}
	login := func() {
		password := pick(rng, server.Password, server.Password, server.Password, "wrong")
		switch rng.IntN(6) {
		case 0:
			say("AUTHENTICATE PLAIN")
			more(pick(rng, encoded("\x00"+server.User+"\x00"+password), encoded("\x00"+server.User+"\x00"+password), "*", "!!") + "\r\n")
		case 1:
			say("AUTHENTICATE PLAIN " + encoded("\x00"+server.User+"\x00"+password))
		case 2:
			literal("LOGIN "+server.User, password, "")
		case 3:
			say(fmt.Sprintf("LOGIN {%d}", len(server.User)))
			more(fmt.Sprintf("%s {%d}\r\n", server.User, len(password)))
			more(password + "\r\n")
		case 4:
			say(pick(rng, "LOGIN", "LOGIN x", "AUTHENTICATE", "AUTHENTICATE X-UNKNOWN", "authenticate GSSAPI"))
		default:
			say(pick(rng, "LOGIN ", "login ") + server.User + ` "` + password + `"`)
		}
	}
	selected := func() {
		say(pick(rng, "SELECT INBOX", "SELECT inbox", "EXAMINE INBOX", "SELECT nowhere", "SELECT", `select "INBOX"`))
	}
	text := func() string {
		return "Subject: x\r\n\r\n" + pick(rng, "text", "", "a1 OK no\r\n", "* BYE\r\n", "{5}\r\n", strings.Repeat("z", rng.IntN(3000)), "\xff\r\n)")
	}
	anything := []func(){
		login, selected, selected,
		func() { say("NOOP") }, func() { say("CAPABILITY") }, func() { say("noop") }, func() { say("CHECK") },
		func() { say(`LIST "" *`) }, func() { say(`LSUB "" *`) }, func() { say("STATUS INBOX (MESSAGES)") }, func() { say("NAMESPACE") },
		func() { say("CREATE box") }, func() { say("DELETE box") }, func() { literal("CREATE", "box", "") }, func() { literal("DELETE", "nowhere", "") },
		func() { literal("APPEND INBOX", text(), "") }, func() { literal(`APPEND INBOX (\Seen)`, text(), "") }, func() { literal("APPEND nowhere", text(), "") },
		func() { say("FETCH 1 (BODY[])") }, func() { say("FETCH 1:* (FLAGS BODY.PEEK[])") }, func() { say("UID FETCH 1:* (BODY[TEXT] BODY[HEADER])") }, func() { say("FETCH 1:* FLAGS") },
		func() { say("FETCH x y") }, func() { say("FETCH") }, func() { say("UID NOOP") },
		func() { say("STORE 1 +FLAGS (\\Deleted)") }, func() { say("EXPUNGE") }, func() { say("SEARCH ALL") }, func() { literal("SEARCH SUBJECT", "x", "") },
		func() { say("COPY 1 nowhere") }, func() { say("CLOSE") }, func() { say("UNSELECT") },
		func() { say("IDLE"); more(pick(rng, "DONE", "DONE", "done", "NOOP") + "\r\n") },
		func() { say("XYZZY") }, func() { say("XYZZY (a b) \"c\"") }, func() { say("NOOP now") },
	}
	odd := []func(){
		func() {
			units = append(units, unit{text: pick(rng, "\r\n", "a\r\n", "(a NOOP\r\n", "GET / HTTP/1.1\r\n", "}{ x\r\n", "a  NOOP\r\n", "%1 NOOP\r\n")})
		},
	}
	some := func(n int) {
		for range n {
			if rng.IntN(40) == 0 {
				odd[rng.IntN(len(odd))]()
				continue
			}
			anything[rng.IntN(len(anything))]()
		}
	}
	if server.Mode == StartTLS {
		if rng.IntN(3) == 0 {
			say(pick(rng, "NOOP", "CAPABILITY", "FETCH 1 FLAGS", "SELECT INBOX"))
		}
		tags++
		units = append(units, unit{text: fmt.Sprintf("a%d %s\r\n", tags, pick(rng, "STARTTLS", "starttls")), upgrade: true})
	} else if rng.IntN(10) == 0 {
		say("STARTTLS")
		units[len(units)-1].upgrade = true
	}
	login()
	some(1 + rng.IntN(3))
	selected()
	some(rng.IntN(10))
	if rng.IntN(4) > 0 {
		say(pick(rng, "LOGOUT", "logout"))
	}
	return units
}
