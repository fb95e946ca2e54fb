package sessions

import (
	"encoding/base64"
	"fmt"
	"math/rand/v2"
	"strings"
)

// lmtpScript is what an LMTP client says.
func lmtpScript(rng *rand.Rand, server *Server) (units []unit) {
	for _, u := range smtpScript(rng, server) {
		switch verb, rest, _ := strings.Cut(u.text, " "); {
		case strings.EqualFold(verb, "EHLO"), strings.EqualFold(verb, "HELO"):
			u.text = "LHLO " + rest
		case strings.EqualFold(strings.TrimSpace(verb), "BDAT"):
			u.text = "NOOP\r\n"
		}
		units = append(units, u)
	}
	return units
}

// smtpScript is what an SMTP client says: a greeting, perhaps TLS and a login, then
// messages and anything else.
func smtpScript(rng *rand.Rand, server *Server) (units []unit) {
	say := func(line string) { units = append(units, unit{text: line + "\r\n"}) }
	answer := func(line string) { units = append(units, unit{text: line + "\r\n", only: aResponse}) }
	encoded := func(text string) string { return base64.StdEncoding.EncodeToString([]byte(text)) }
	hello := func() {
		say(pick(rng, "EHLO client.example", "EHLO client.example", "HELO client.example", "ehlo x", "EHLO"))
	}
	login := func() {
		name := pick(rng, server.User, server.User, "nobody")
		switch rng.IntN(6) {
		case 0:
			say("AUTH LOGIN")
			answer(encoded(name))
			answer(pick(rng, encoded(server.Password), encoded("wrong"), "*", "!!"))
		case 1:
			say(pick(rng, "AUTH", "AUTH X-UNKNOWN", "AUTH PLAIN !!", "AUTH PLAIN =", "AUTH CRAM-MD5"))
		case 2:
			say("AUTH PLAIN")
			answer(pick(rng, encoded("\x00"+name+"\x00"+server.Password), "*", "", "QUIT"))
		default:
			say("AUTH PLAIN " + encoded("\x00"+name+"\x00"+server.Password))
		}
	}
	message := func() {
		say(pick(rng, "MAIL FROM:<a@sender.example>", "MAIL FROM:<a@sender.example> SIZE=100", "MAIL FROM:<>", "mail from:<b@sender.example>",
			"MAIL FROM:<a@sender.example> SIZE=99999999", "MAIL FROM:<a@sender.example> SIZE=x", "MAIL a@sender.example", "MAIL"))
		for range 1 + rng.IntN(3) {
			to := pick(rng, server.Recipients...)
			say(pick(rng, "RCPT TO:<"+to+">", "RCPT TO:<"+strings.ToUpper(to)+">", "rcpt to:<"+to+">", "RCPT TO:", "RCPT"))
		}
		if rng.IntN(4) == 0 { // to a server that does not know BDAT chunks are commands
			for range rng.IntN(3) {
				say(pick(rng, "BDAT 6\r\nNOOP", "bdat 0000\r\nRSET", "BDAT 18\r\nSubject: chunks\r\n", "BDAT 0"))
			}
			say(pick(rng, "BDAT 6 LAST\r\nNOOP", "BDAT 6 last\r\nHELP", "RSET", "BDAT 0 LAST\r\nNOOP", "NOOP"))
			return
		}
		say(pick(rng, "DATA", "DATA", "DATA", "data", "DATA now"))
		if rng.IntN(10) > 0 {
			units = append(units, unit{text: smtpMessage(rng), only: aBody})
		}
	}
	anything := []func(){
		hello, login, message, message, message,
		func() { say("NOOP") }, func() { say("RSET") }, func() { say("VRFY x") }, func() { say("HELP") }, func() { say("EXPN x") },
		func() { say("RCPT TO:<" + server.Recipients[0] + ">") }, func() { say("DATA") }, func() { units = append(units, unit{text: "STARTTLS now\r\n", upgrade: true}) },
		func() { say("BDAT 6 LAST\r\nNOOP") }, func() { say("BDAT") }, func() { say("BDAT 6 FIRST") }, func() { say("LHLO x") }, func() { say(junk(rng)) },
		func() { units = append(units, unit{text: pick(rng, "NOOP\n", "RSET\n", "\n", "\r\n")}) },
	}
	if rng.IntN(20) > 0 {
		hello()
	}
	if server.Mode == StartTLS {
		for range rng.IntN(3) {
			anything[rng.IntN(len(anything))]()
		}
		say("RSET")
		units = append(units, unit{text: pick(rng, "STARTTLS", "starttls") + "\r\n", upgrade: true})
		hello()
	} else if rng.IntN(10) == 0 {
		units = append(units, unit{text: "STARTTLS\r\n", upgrade: true})
	}
	if rng.IntN(5) > 0 {
		login()
	}
	for range rng.IntN(8) {
		anything[rng.IntN(len(anything))]()
	}
	if rng.IntN(4) > 0 {
		say(pick(rng, "QUIT", "quit"))
	}
	if rng.IntN(10) == 0 {
		say("NOOP")
	}
	return units
}

// smtpMessage is a message with its end.
func smtpMessage(rng *rand.Rand) string {
	var b strings.Builder
	fmt.Fprintf(&b, "Subject: %d\r\n\r\n", rng.IntN(1000))
	for range rng.IntN(20) {
		b.WriteString(pick(rng, "text", "", "..", "..text", ". ", "QUIT", "250 ok", strings.Repeat("z", rng.IntN(3000)), "lone\nLF", "lone\rCR", "\x00\xff"))
		b.WriteString("\r\n")
	}
	if rng.IntN(150) == 0 {
		b.WriteString(strings.Repeat(strings.Repeat("m", 65_000)+"\r\n", 17)) // more than a megabyte
	}
	b.WriteString(".\r\n")
	if rng.IntN(20) == 0 {
		return "no header\r\n.\r\n"
	}
	return b.String()
}
