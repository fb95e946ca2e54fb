package sessions

import (
	"encoding/base64"
	"fmt"
	"strings"
)

// fixed is a session that is written down: what the client says, each time a line or several.
// A "?" in front says that it answers a challenge of AUTH, a "~" that it is a message and "+"
// that it goes on with a command of IMAP; a client that listens leaves it out where the server
// does not wait for that. What stands in braces is replaced, see values.
type fixed struct {
	name  string
	lines []string
}

// units are what the client says to a server: TLS first, where that begins by a command.
func (f fixed) units(server *Server) (units []unit) {
	kinds := map[byte]wants{'?': aResponse, '~': aBody, '+': aContinuation}
	values := server.values()
	if server.Mode == StartTLS {
		for _, line := range server.Protocol.secures() {
			units = append(units, unit{text: line + "\r\n"})
		}
		units[len(units)-1].upgrade = true
	}
	for _, line := range f.lines {
		var u unit
		if line != "" && kinds[line[0]] != anything {
			u.only, line = kinds[line[0]], line[1:]
		}
		u.text = values.Replace(line) + "\r\n"
		units = append(units, u)
	}
	return units
}

func (p Protocol) secures() []string {
	switch p.name {
	case "pop3":
		return []string{"STLS"}
	case "imap":
		return []string{"t STARTTLS"}
	case "lmtp":
		return []string{"LHLO client.example", "STARTTLS"}
	}
	return []string{"EHLO client.example", "STARTTLS"}
}

// values are what stands in braces.
func (server *Server) values() *strings.Replacer {
	encoded := func(text string) string { return base64.StdEncoding.EncodeToString([]byte(text)) }
	literal := func(text string) string { return fmt.Sprintf("{%d}", len(text)) }
	recipients := server.Recipients
	if len(recipients) == 0 {
		recipients = []string{"user@example.org"}
	}
	return strings.NewReplacer(
		"{to}", recipients[0], "{TO}", strings.ToUpper(recipients[0]), "{other}", recipients[min(1, len(recipients)-1)], "{refused}", recipients[len(recipients)-1],
		"{userliteral}", literal(server.User), "{passwordliteral}", literal(server.Password),
		"{user}", server.User, "{password}", server.Password,
		"{user64}", encoded(server.User), "{password64}", encoded(server.Password), "{wrong64}", encoded("wrong"),
		"{plain}", encoded("\x00"+server.User+"\x00"+server.Password), "{plainwrong}", encoded("\x00"+server.User+"\x00wrong"))
}

const (
	ehlo = "EHLO client.example"
	mail = "MAIL FROM:<a@sender.example>"
	rcpt = "RCPT TO:<{to}>"
	text = "~Subject: hi\r\n\r\nhi\r\n."
	quit = "QUIT"
)

var smtpFixed = []fixed{
	{"nothing", nil},
	{"QUIT", []string{quit}},
	{"greeted", []string{ehlo, quit}},
	{"left without QUIT", []string{ehlo, mail, rcpt}},
	{"HELO", []string{"HELO client.example", mail, rcpt, "DATA", text, quit}},
	{"EHLO without a name", []string{"EHLO", ehlo, quit}},
	{"EHLO twice", []string{ehlo, mail, rcpt, ehlo, "DATA", text, quit}},
	{"LHLO", []string{"LHLO client.example", ehlo, quit}},
	{"message", []string{ehlo, mail, rcpt, "DATA", text, quit}},
	{"empty message", []string{ehlo, mail, rcpt, "DATA", "~.", quit}},
	{"message without a header", []string{ehlo, mail, rcpt, "DATA", "~no header\r\n.", mail, rcpt, "DATA", text, quit}},
	{"dots", []string{ehlo, mail, rcpt, "DATA", "~..\r\n.x\r\n..\r\n.\r\r\n\r\n.", quit}},
	{"message left before it began", []string{ehlo, mail, rcpt, "DATA"}},
	{"message left", []string{ehlo, mail, rcpt, "DATA", "~Subject: hi"}},
	{"null sender", []string{ehlo, "MAIL FROM:<>", rcpt, "DATA", text, quit}},
	{"two messages", []string{ehlo, mail, rcpt, "DATA", text, mail, rcpt, "DATA", text, quit}},
	{"two recipients", []string{ehlo, mail, rcpt, "RCPT TO:<{other}>", "DATA", text, quit}},
	{"the same recipient twice", []string{ehlo, mail, rcpt, "RCPT TO:<{TO}>", "DATA", text, quit}},
	{"refused recipient", []string{ehlo, mail, "RCPT TO:<{refused}>", quit}},
	{"one of two recipients", []string{ehlo, mail, "RCPT TO:<{refused}>", rcpt, "DATA", text, quit}},
	{"big message", []string{ehlo, mail, rcpt, "DATA", "~" + strings.Repeat(strings.Repeat("a line of a message ", 10)+"\r\n", 1000) + ".", quit}},
	{"no recipients", []string{ehlo, mail, "DATA", text, quit}},
	{"no MAIL", []string{ehlo, rcpt, "DATA", text, quit}},
	{"MAIL before EHLO", []string{mail, ehlo, quit}},
	{"DATA with arguments", []string{ehlo, mail, rcpt, "DATA x", text, quit}},
	{"MAIL in pieces", []string{ehlo, "MAIL FROM:<alice", "MAIL", quit}},
	{"SIZE", []string{ehlo, mail + " SIZE=500", rcpt, "DATA", text, quit}},
	{"SIZE too big", []string{ehlo, mail + " SIZE=99999999999", mail, quit}},
	{"unknown parameter", []string{ehlo, mail + " X-NONE=Y", mail, rcpt + " X-NONE=Y", quit}},
	{"source route", []string{ehlo, mail, "RCPT TO:<@relay.example:{to}>", "DATA", text, quit}},
	{"lower case", []string{"ehlo client.example", "mail from:<a@sender.example>", "rcpt to:<{to}>", "data", text, "quit"}},
	{"RSET", []string{ehlo, mail, rcpt, "RSET", "DATA", text, quit}},
	{"other commands", []string{ehlo, "NOOP", "VRFY bob", "HELP", "EXPN x", quit}},
	{"unknown commands", []string{ehlo, "FOOO", "X", "", quit}},
	{"many errors", []string{ehlo, "FOOO", "FOOO", "FOOO", "FOOO", quit}},
	{"behind QUIT", []string{ehlo, "QUIT\r\nFOOO\r\nMAIL FROM:<a@sender.example>"}},
	{"chunks", []string{ehlo, mail, rcpt, "BDAT 4\r\nhi", "BDAT 6 LAST\r\nQUIT", quit}},
	{"chunks given up", []string{ehlo, mail, rcpt, "BDAT 4\r\nhi", "RSET", quit}},
	{"chunk left", []string{ehlo, mail, rcpt, "BDAT 9 LAST\r\nhi"}},
	{"chunk without recipients", []string{ehlo, mail, "BDAT 6 LAST\r\nFOOO", quit}},
	{"no chunk", []string{ehlo, mail, rcpt, "BDAT", "BDAT x", "BDAT 1 x", quit}},
	{"order between chunks", []string{ehlo, mail, rcpt, "BDAT 4\r\nhi", mail, "NOOP", "BDAT 0 LAST", quit}},
	{"AUTH PLAIN", []string{ehlo, "AUTH PLAIN {plain}", quit}},
	{"AUTH PLAIN in two", []string{ehlo, "AUTH PLAIN", "?{plain}", quit}},
	{"AUTH PLAIN with a wrong password", []string{ehlo, "AUTH PLAIN {plainwrong}", quit}},
	{"AUTH LOGIN", []string{ehlo, "AUTH LOGIN", "?{user64}", "?{password64}", quit}},
	{"AUTH LOGIN with a wrong password", []string{ehlo, "AUTH LOGIN", "?{user64}", "?{wrong64}", quit}},
	{"AUTH cancelled", []string{ehlo, "AUTH LOGIN", "?*", quit}},
	{"AUTH left", []string{ehlo, "AUTH LOGIN", "?{user64}"}},
	{"AUTH with a command for a password", []string{ehlo, "AUTH PLAIN", "?QUIT", quit}},
	{"AUTH without a mechanism", []string{ehlo, "AUTH", "AUTH X-NONE", quit}},
	{"AUTH before EHLO", []string{"AUTH PLAIN {plain}", quit}},
	{"AUTH twice", []string{ehlo, "AUTH PLAIN {plain}", "AUTH PLAIN {plain}", quit}},
	{"AUTH and a message", []string{ehlo, "AUTH PLAIN {plain}", mail, rcpt, "DATA", text, quit}},
}

const lhlo = "LHLO client.example"

var lmtpFixed = []fixed{
	{"greeted", []string{lhlo, quit}},
	{"left without QUIT", []string{lhlo, mail, rcpt}},
	{"message", []string{lhlo, mail, rcpt, "DATA", text, quit}},
	{"two recipients", []string{lhlo, mail, rcpt, "RCPT TO:<{other}>", "DATA", text, quit}},
	{"two messages", []string{lhlo, mail, rcpt, "RCPT TO:<{other}>", "DATA", text, mail, rcpt, "DATA", text, quit}},
	{"one of two recipients", []string{lhlo, mail, rcpt, "RCPT TO:<{refused}>", "DATA", text, quit}},
	{"refused recipient", []string{lhlo, mail, "RCPT TO:<{refused}>", "DATA", text, quit}},
	{"message left", []string{lhlo, mail, rcpt, "DATA", "~Subject: hi"}},
	{"no recipients", []string{lhlo, mail, "DATA", text, quit}},
	{"EHLO", []string{ehlo, lhlo, quit}},
	{"unknown commands", []string{lhlo, "FOOO", "", quit}},
}

var imapFixed = []fixed{
	{"nothing", nil},
	{"LOGOUT", []string{"a LOGOUT"}},
	{"login", []string{"a LOGIN {user} {password}", "b LOGOUT"}},
	{"login with literals", []string{"a LOGIN {userliteral}", "+{user} {passwordliteral}", "+{password}", "b LOGOUT"}},
	{"wrong password", []string{"a LOGIN {user} wrong", "b LOGOUT"}},
	{"AUTHENTICATE", []string{"a AUTHENTICATE PLAIN", "+{plain}", "b LOGOUT"}},
	{"AUTHENTICATE with a wrong password", []string{"a AUTHENTICATE PLAIN", "+{plainwrong}", "b LOGOUT"}},
	{"AUTHENTICATE cancelled", []string{"a AUTHENTICATE PLAIN", "+*", "b LOGOUT"}},
	{"AUTHENTICATE with an unknown mechanism", []string{"a AUTHENTICATE X-NONE", "b LOGOUT"}},
	{"before the login", []string{"a SELECT INBOX", "b CAPABILITY", "c NOOP", "d LOGOUT"}},
	{"mailboxes", []string{"a LOGIN {user} {password}", `b LIST "" *`, "c SELECT INBOX", "d SELECT nowhere", "e FETCH 1:* FLAGS", "f CLOSE", "g LOGOUT"}},
	{"IDLE", []string{"a LOGIN {user} {password}", "b SELECT INBOX", "c IDLE", "+DONE", "d LOGOUT"}},
	{"unknown commands", []string{"a XYZZY", "b NOOP now", "c LOGOUT"}},
	{"left without LOGOUT", []string{"a LOGIN {user} {password}", "b SELECT INBOX"}},
}

var pop3Fixed = []fixed{
	{"nothing", nil},
	{"QUIT", []string{quit}},
	{"login", []string{"USER {user}", "PASS {password}", "STAT", quit}},
	{"wrong password", []string{"USER {user}", "PASS wrong", quit}},
	{"AUTH PLAIN", []string{"AUTH PLAIN", "?{plain}", quit}},
	{"AUTH cancelled", []string{"AUTH PLAIN", "?*", quit}},
	{"APOP", []string{"APOP {user} 0123456789abcdef", quit}},
	{"before the login", []string{"STAT", "LIST", "RETR 1", "CAPA", "NOOP", quit}},
	{"mailbox", []string{"USER {user}", "PASS {password}", "STAT", "LIST", "UIDL", "LIST 1", "RETR 1", "TOP 1 1", "RETR 999", "NOOP", "RSET", quit}},
	{"unknown commands", []string{"XYZZY", "", quit}},
	{"left without QUIT", []string{"USER {user}", "PASS {password}", "STAT"}},
}
