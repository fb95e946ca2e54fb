package otelsmtp_test

import (
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"

	gosmtp "github.com/emersion/go-smtp"
)

// step is what a client sends, and the codes it is answered with.
type step struct {
	send  string
	codes string
	what  kind
}

// kind is what the replies to a step are about.
type kind byte

const (
	commandReply kind = iota
	messageReply      // accepted by one 2xx, refused when all are refused
	loginReply
)

func l(line, codes string) step  { return step{line + "\r\n", codes, commandReply} }
func a(line, codes string) step  { return step{line + "\r\n", codes, loginReply} }
func m(text, codes string) step  { return step{text, codes, messageReply} }
func c(size, rest string) string { return "BDAT " + size + "\r\n" + rest }

var (
	ehlo = l("EHLO client.example.net", "250")
	lhlo = l("LHLO client.example.net", "250")
	mail = l("MAIL FROM:<alice@sender.example>", "250")
	rcpt = l("RCPT TO:<bob@example.org>", "250")
	data = l("DATA", "354")
	rset = l("RSET", "250")
	quit = l("QUIT", "221")
)

// tooLong is a line that go-smtp does not read. What came with it, it does not read
// either, so that the session depends on how it is sent.
var tooLong = strings.Repeat("x", 3000)

// sessions are what clients say. go-smtp closes at the fourth error of its own.
var sessions = []struct {
	name  string
	lmtp  bool
	steps []step
}{
	{"quit", false, []step{ehlo, quit}},
	{"no EHLO", false, []step{quit}},
	{"HELO", false, []step{l("HELO a", "250"), mail, rcpt, data, m("hi\r\n.\r\n", "250"), quit}},
	{"EHLO without a name", false, []step{l("EHLO", "501"), ehlo, quit}},
	{"EHLO twice", false, []step{ehlo, mail, rcpt, ehlo, l("DATA", "502"), quit}},
	{"LHLO to SMTP", false, []step{l("LHLO a", "500"), ehlo, quit}},
	{"left without QUIT", false, []step{ehlo, mail, rcpt}},
	{"message", false, []step{ehlo, mail, rcpt, data, m("Subject: hi\r\n\r\nhi\r\n.\r\n", "250"), quit}},
	{"empty message", false, []step{ehlo, mail, rcpt, data, m(".\r\n", "250"), quit}},
	{"dots", false, []step{ehlo, mail, rcpt, data, m("..\r\n.x\r\n..\r\n.\r\r\n\r\n.\r\n", "250"), quit}},
	{"bare LF", false, []step{ehlo, mail, rcpt, data, m("a\n.\nQUIT\n.\r\n\r\n.\r\n", "250"), quit}},
	{"bare CR", false, []step{ehlo, mail, rcpt, data, m("a\r.\r\r\n.\r\nFOO\r\n.\r\n", "250"), quit}},
	{"null sender", false, []step{ehlo, l("MAIL FROM:<>", "250"), rcpt, data, m("bounce\r\n.\r\n", "250"), quit}},
	{"two messages", false, []step{ehlo, mail, rcpt, data, m("1\r\n.\r\n", "250"), mail, rcpt, data, m("2\r\n.\r\n", "250"), quit}},
	{"spam", false, []step{ehlo, mail, rcpt, data, m("spam\r\n.\r\n", "554"), quit}},
	{"deferred", false, []step{ehlo, mail, rcpt, data, m("full\r\n.\r\n", "452"), quit}},
	{"other error", false, []step{ehlo, mail, rcpt, data, m("other\r\n.\r\n", "554"), quit}},
	{"spam, then not", false, []step{ehlo, mail, rcpt, data, m("spam\r\n.\r\n", "554"), mail, rcpt, data, m("hi\r\n.\r\n", "250"), quit}},
	{"big", false, []step{ehlo, mail, rcpt, data, m(strings.Repeat("line\r\n", 30_000)+".\r\n", "552"), quit}},
	{"lines of a message end between buffers", false, []step{ehlo, mail, rcpt, data, m(strings.Repeat("x\r\n", 300)+".\r\n", "250"), quit}},
	{"unknown user", false, []step{ehlo, mail, l("RCPT TO:<nobody@example.org>", "550"), quit}},
	{"one of two", false, []step{ehlo, mail, l("RCPT TO:<nobody@example.org>", "550"), rcpt, data, m("hi\r\n.\r\n", "250"), quit}},
	{"many recipients", false, append([]step{ehlo, mail}, append(many(200, rcpt), data, m("hi\r\n.\r\n", "250"), quit)...)},
	{"no recipients", false, []step{ehlo, mail, l("DATA", "502"), quit}},
	{"no MAIL", false, []step{ehlo, l("RCPT TO:<bob@example.org>", "502"), l("DATA", "502"), quit}},
	{"MAIL before EHLO", false, []step{l("MAIL FROM:<a@sender.example>", "502"), ehlo, quit}},
	{"DATA with arguments", false, []step{ehlo, mail, rcpt, l("DATA x", "501"), data, m("hi\r\n.\r\n", "250"), quit}},
	{"MAIL without brackets", false, []step{ehlo, l("MAIL FROM:alice@sender.example", "250"), rset, quit}},
	{"MAIL in pieces", false, []step{ehlo, l("MAIL FROM:<alice", "501"), l("MAIL", "501"), quit}},
	{"SIZE", false, []step{ehlo, l("MAIL FROM:<a@sender.example> SIZE=500", "250"), rset, quit}},
	{"SIZE too big", false, []step{ehlo, l("MAIL FROM:<a@sender.example> SIZE=5000", "552"), mail, quit}},
	{"unknown parameter", false, []step{ehlo, l("MAIL FROM:<a@sender.example> X=Y", "500"), mail, l("RCPT TO:<bob@example.org> X=Y", "500"), quit}},
	{"source route", false, []step{ehlo, mail, l("RCPT TO:<@relay.example:bob@example.org>", "250"), data, m("hi\r\n.\r\n", "250"), quit}},
	{"quoted", false, []step{ehlo, mail, l(`RCPT TO:<"bob@home>"@example.org>`, "250"), data, m("hi\r\n.\r\n", "250"), quit}},
	{"case", false, []step{l("ehlo a", "250"), l("mail from:<a@sender.example>", "250"), l("rcpt to:<bob@example.org>", "250"), l("data", "354"), m("hi\r\n.\r\n", "250"), l("quit", "221")}},
	{"RSET", false, []step{ehlo, mail, rcpt, rset, l("DATA", "502"), quit}},
	{"NOOP, VRFY, HELP, EXPN", false, []step{ehlo, l("NOOP", "250"), l("VRFY bob", "252"), l("HELP", "502"), l("EXPN x", "502"), quit}},
	{"unknown", false, []step{ehlo, l("FOOO", "500"), l("X", "501"), l("", "500"), quit}},
	{"too many errors", false, []step{ehlo, l("FOOO", "500"), l("FOOO", "500"), l("FOOO", "500"), l("FOOO", "500 500")}},
	{"a line too long", false, []step{ehlo, l(tooLong, "500")}},
	{"a line of a message too long", false, []step{ehlo, mail, rcpt, data, m(tooLong+"\r\n", "554 500")}},
	{"a long reply", false, []step{ehlo, l("MAIL FROM:<lines@sender.example>", "550"), mail, quit}},
	{"no code", false, []step{ehlo, l("MAIL FROM:<odd@sender.example>", "1000"), mail, quit}},
	{"panic in MAIL", false, []step{ehlo, l("MAIL FROM:<panic@sender.example>", "421")}},
	{"panic in DATA", false, []step{ehlo, mail, rcpt, data, m("panic\r\n.\r\n", "421")}},
	{"behind QUIT", false, []step{ehlo, l("QUIT\r\nFOOO\r\nMAIL FROM:<a@sender.example>", "221")}},
	{"chunks", false, []step{ehlo, mail, rcpt, l("BDAT 4\r\nhi", "250"), {"BDAT 0\r\n", "250", commandReply}, m(c("6 LAST", "QUIT\r\n"), "250"), quit}},
	{"one chunk", false, []step{ehlo, mail, rcpt, m(c("4 last", ".\r\n\n"), "250"), quit}},
	{"big chunks", false, []step{ehlo, mail, rcpt, m(c("900 LAST", strings.Repeat("FOOO\r\n", 150)), "250"), quit}},
	{"chunk too big", false, []step{ehlo, mail, rcpt, m(c("60000 LAST", strings.Repeat("FOOO\r\n", 10_000)), "552"), quit}},
	{"second chunk too big", false, []step{ehlo, mail, rcpt, l("BDAT 2\r\n", "250"), m(c("60000 LAST", strings.Repeat("FOOO\r\n", 10_000)), "552"), quit}},
	{"chunks of spam", false, []step{ehlo, mail, rcpt, l("BDAT 6\r\nspam", "250"), m(c("2 LAST", "\r\n"), "554"), quit}},
	{"chunk without recipients", false, []step{ehlo, mail, {c("6 LAST", "FOOO\r\n"), "502", commandReply}, quit}},
	{"no chunk", false, []step{ehlo, mail, rcpt, l("BDAT", "501"), l("BDAT x", "501"), l("BDAT 1 x", "501"), l("BDAT 1 LAST x", "501"), quit}},
	{"order between chunks", false, []step{ehlo, mail, rcpt, l("BDAT 2\r\n", "250"), l("MAIL FROM:<a@sender.example>", "502"), l("DATA", "502"), l("NOOP", "250"), m(c("0 LAST", ""), "250"), quit}},
	{"AUTH", false, []step{ehlo, l("AUTH LOGIN", "334"), a(encode("secret"), "235"), quit}},
	{"AUTH, wrong", false, []step{ehlo, l("AUTH LOGIN", "334"), a(encode("wrong"), "535"), quit}},
	{"AUTH, a command for a password", false, []step{ehlo, l("AUTH LOGIN", "334"), a("QUIT", "535"), quit}},
	{"AUTH, cancelled", false, []step{ehlo, l("AUTH LOGIN", "334"), a("*", "501"), quit}},
	{"AUTH, bad base64", false, []step{ehlo, l("AUTH LOGIN", "334"), a("?", "454"), quit}},
	{"AUTH, bad base64 at once", false, []step{ehlo, a("AUTH LOGIN ?", "454"), quit}},
	{"AUTH, no mechanism", false, []step{ehlo, a("AUTH", "502"), a("AUTH GSSAPI", "504"), quit}},
	{"AUTH before EHLO", false, []step{a("AUTH LOGIN", "502"), quit}},
	{"AUTH twice", false, []step{ehlo, l("AUTH LOGIN", "334"), a(encode("secret"), "235"), a("AUTH LOGIN", "503"), quit}},
	{"AUTH, then a message", false, []step{ehlo, l("AUTH LOGIN", "334"), a(encode("secret"), "235"), mail, rcpt, data, m("hi\r\n.\r\n", "250"), quit}},
	{"LMTP", true, []step{lhlo, mail, rcpt, l("RCPT TO:<carol@example.com>", "250"), data, m("hi\r\n.\r\n", "250 250"), quit}},
	{"LMTP, one of two", true, []step{lhlo, mail, rcpt, l("RCPT TO:<full@example.com>", "250"), data, m("hi\r\n.\r\n", "250 452"), mail, quit}},
	{"LMTP, none", true, []step{lhlo, mail, l("RCPT TO:<full@example.com>", "250"), l("RCPT TO:<full@example.com>", "250"), data, m("hi\r\n.\r\n", "452 452"), quit}},
	{"LMTP, chunks", true, []step{lhlo, mail, rcpt, l("RCPT TO:<full@example.com>", "250"), l("BDAT 2\r\n", "250"), m(c("0 LAST", ""), "250 452"), quit}},
	{"LMTP, chunk too big", true, []step{lhlo, mail, rcpt, l("RCPT TO:<full@example.com>", "250"), m(c("6000 LAST", strings.Repeat("FOOO\r\n", 1000)), "552"), quit}},
	{"EHLO to LMTP", true, []step{l("EHLO a", "500"), lhlo, quit}},
}

func many(n int, s step) (all []step) {
	for range n {
		all = append(all, s)
	}
	return all
}

func sessionsBackend() *script {
	b := logins()
	b.rcpt = unknownUser
	b.mail = func(_ *gosmtp.Conn, from string) error {
		switch from {
		case "lines@sender.example":
			return &gosmtp.SMTPError{Code: 550, Message: "one\n" + strings.Repeat("550 5.0.0 ", 1000) + "\nthree"}
		case "odd@sender.example":
			return &gosmtp.SMTPError{Code: 1000, Message: "no code at all"}
		case "panic@sender.example":
			panic("in Mail")
		}
		return nil
	}
	b.data = func(_ *gosmtp.Conn, r io.Reader) error {
		body, err := io.ReadAll(r)
		switch text := string(body); {
		case err != nil:
			return err
		case strings.HasPrefix(text, "spam"):
			return &gosmtp.SMTPError{Code: 554, EnhancedCode: gosmtp.EnhancedCode{5, 7, 1}, Message: "Spam"}
		case strings.HasPrefix(text, "full"):
			return &gosmtp.SMTPError{Code: 452, Message: "Full"}
		case strings.HasPrefix(text, "other"):
			return errors.New("other")
		case strings.HasPrefix(text, "panic"):
			panic("in Data")
		}
		return nil
	}
	return b
}

// TestSessions has every session in every kind of TLS, said step by step, byte by
// byte, and all at once, and compares what was counted with what the client has read.
func TestSessions(t *testing.T) {
	if len(sessions) < 58 {
		t.Fatalf("%d sessions", len(sessions))
	}
	config := serverTLS(t)
	for _, kind := range []string{"no", "starttls", "yes"} {
		for _, s := range sessions {
			for _, way := range []string{"in steps", "byte by byte", "at once"} {
				if way != "in steps" && strings.Contains(s.name, "too long") {
					continue
				}
				t.Run(fmt.Sprintf("%s, %s, %s", s.name, kind, way), func(t *testing.T) {
					t.Parallel()
					set := setting{server: func(s *gosmtp.Server) { s.MaxMessageBytes, s.TLSConfig = 1000, config }}
					if kind == "yes" {
						set.listener = implicitTLS(config).listener
					}
					b := sessionsBackend()
					if s.lmtp {
						b = perRecipient()
						set.server = func(s *gosmtp.Server) { s.MaxMessageBytes, s.TLSConfig, s.LMTP = 1000, config, true }
					}
					w := start(t, b, set)
					conn := w.dial()
					c := &counting{client: conn, want: ended(counts{})}
					switch kind {
					case "yes":
						c.client = hand(t, tls.Client(conn.Conn, clientTLS(config)))
						delete(c.want, `rusmes_tls_sessions_total{tls="no"}`)
						c.want[`rusmes_tls_sessions_total{tls="yes"}`] = 1
						c.answer("220")
					case "starttls":
						c.answer("220")
						c.client = conn.upgrade(config)
						c.want[`rusmes_tls_sessions_total{tls="starttls"}`] = 1
					default:
						c.answer("220")
					}
					c.play(s.steps, way)
					_ = c.Close()
					w.expect(c.want)
				})
			}
		}
	}
}

// perRecipient refuses mail for full@example.com.
func perRecipient() *script {
	b := sessionsBackend()
	b.lmtp = func(_ *gosmtp.Conn, r io.Reader, s gosmtp.StatusCollector) error {
		if _, err := io.Copy(io.Discard, r); err != nil {
			return err
		}
		refuse := func() (open bool) {
			defer func() { open = recover() == nil }() // go-smtp panics on one recipient too many
			s.SetStatus("full@example.com", &gosmtp.SMTPError{Code: 452, Message: "Full"})
			return true
		}
		for refuse() {
		}
		return nil
	}
	return b
}

// counting is a client that counts what it is told.
type counting struct {
	*client
	want counts
}

func (c *counting) play(steps []step, way string) {
	c.t.Helper()
	var all strings.Builder
	for _, s := range steps {
		all.WriteString(s.send)
	}
	if way != "in steps" {
		go func() { // the server may stop reading
			text, size := all.String(), all.Len()
			if way == "byte by byte" {
				size = 1 + len(text)/5000 // not for the megabytes
			}
			for len(text) > 0 {
				n := min(size, len(text))
				if _, err := io.WriteString(c, text[:n]); err != nil {
					return
				}
				text = text[n:]
			}
		}()
	}
	for _, s := range steps {
		if way == "in steps" {
			c.send(s.send)
		}
		var accepted, refused float64
		for _, code := range strings.Fields(s.codes) {
			c.answer(code)
			switch code[0] {
			case '2':
				accepted++
			case '4', '5', '1': // 1000 is no code
				refused++
			}
		}
		c.want["rusmes_smtp_errors_total"] += refused
		switch s.what {
		case messageReply:
			c.want["rusmes_smtp_messages_received_total"] += min(accepted, 1)
			if accepted == 0 {
				c.want["rusmes_smtp_messages_rejected_total"]++
			}
		case loginReply:
			c.want["rusmes_smtp_auth_success_total"] += accepted
			c.want["rusmes_smtp_auth_failure_total"] += refused
		}
	}
}
