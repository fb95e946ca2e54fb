package observe_test

import (
	"bufio"
	"crypto/tls"
	"fmt"
	"io"
	"maps"
	"net"
	"testing"
	"time"

	"github.com/rusmes/otelmail"
	"github.com/rusmes/otelmail/observe"
	"github.com/rusmes/otelmail/otelmailtest"
)

// elsewhere are the series that the tests of the dialogues look at, and the histograms: Moved
// looks at those that are named alone.
var elsewhere = otelmailtest.Series{
	"rusmes_smtp_connections_total": otelmailtest.Any, "rusmes_tls_sessions_total": otelmailtest.Any, "rusmes_smtp_errors_total": otelmailtest.Any,
	"rusmes_smtp_messages_received_total": otelmailtest.Any, "rusmes_smtp_messages_rejected_total": otelmailtest.Any, "rusmes_messages_per_domain_total": otelmailtest.Any,
	"rusmes_smtp_auth_success_total": otelmailtest.Any, "rusmes_smtp_auth_failure_total": otelmailtest.Any, "rusmes_replies_total": otelmailtest.Any,
	"rusmes_panics_total":                           otelmailtest.Any,
	`rusmes_message_size_bytes_sum{direction="in"}`: 0, `rusmes_message_size_bytes_sum{direction="out"}`: 0,
	`rusmes_message_recipients_count{direction="in"}`: 0, `rusmes_message_recipients_count{direction="out"}`: 0,
}

// beside wants nothing else to have moved but what is looked at elsewhere.
func beside(want otelmailtest.Series) otelmailtest.Series {
	all := maps.Clone(elsewhere)
	maps.Copy(all, want)
	return all
}

func rejection(role, stage, class, reason, fault string) string {
	return fmt.Sprintf("rusmes_rejections_total{role=%q,stage=%q,class=%q,reason=%q,fault=%q}", role, stage, class, reason, fault)
}

// lost is a session that broke once, at a stage.
func lost(stage string) otelmailtest.Series {
	return otelmailtest.Series{fmt.Sprintf("rusmes_connections_lost_total{stage=%q}", stage): 1, "rusmes_smtp_errors_total": 1}
}

func login(protocol, mechanism, result string) string {
	return fmt.Sprintf("rusmes_auth_attempts_total{protocol=%q,mechanism=%q,result=%q}", protocol, mechanism, result)
}

func reply(protocol, command, class string) string {
	return fmt.Sprintf("rusmes_replies_total{protocol=%q,command=%q,class=%q}", protocol, command, class)
}

// TestSMTPSignals: what was refused, at which stage and whose fault it is, who logged in how,
// and how big the messages were, whatever came in pieces or ahead.
func TestSMTPSignals(t *testing.T) {
	for _, tc := range []struct {
		name, said string
		role       otelmail.SMTPRole
		want       otelmailtest.Series
	}{
		{"rejections", hello + "C: MAIL FROM:<a@b>\nS: 550 5.7.23 SPF\nC: MAIL FROM:<a@b>\nS: 250 ok\n" +
			"C: RCPT TO:<x@one.example>\nS: 550 5.1.1 who\nC: RCPT TO:<x@one.example>\nS: 451 4.3.0 database\nC: RCPT TO:<b@one.example>\nS: 250 ok\n" +
			"C: DATA\nS: 354 go\nC: spam\nC: .\nS: 554 5.7.1 spam\nC: QUIT\nS: 221 bye", otelmail.RoleMX, otelmailtest.Series{
			rejection("mx", "mail", "5xx", "authentication", "theirs"): 1, rejection("mx", "rcpt", "5xx", "unknown_user", "theirs"): 1,
			rejection("mx", "rcpt", "4xx", "system", "ours"): 1, rejection("mx", "data", "5xx", "policy", "theirs"): 1}},
		{"no rejection", hello + "C: VRFY x\nS: 502 no\nC: DATA\nS: 503 no\nC: QUIT\nS: 221 bye", otelmail.RoleMX, otelmailtest.Series{}},
		{"a panic behind a refusal", hello + "C: MAIL FROM:<a@b>\nPANIC\nS: 550 5.1.1 hides it\nC: QUIT\nS: 221 bye", otelmail.RoleMX,
			otelmailtest.Series{rejection("mx", "mail", "5xx", "system", "ours"): 1}},
		{"logins", hello + "C: AUTH plain AGEAYg==\nS: 235 ok\nC: AUTH CRAM-MD5\nS: 334 x\nC: *\nS: 501 ok then\n" +
			"C: AUTH LOGIN\nS: 334 x\nC: YQ==\nS: 334 x\nC: YQ==\nS: 535 5.7.8 no\nC: AUTH FOO\nS: 504 what\nC: AUTH PLAIN AGEAYg==\nS: 454 4.7.0 later\n" +
			"C: AUTH XOAUTH2 AGEAYg==\nS: 503 already\nC: AUTH\nS: 500 what\nC: AUTH GSSAPI x\nS: 502 hello first\nC: QUIT\nS: 221 bye",
			otelmail.RoleSubmission, otelmailtest.Series{
				login("smtp", "PLAIN", "success"): 1, login("smtp", "CRAM-MD5", "aborted"): 1, login("smtp", "LOGIN", "failure"): 1,
				login("smtp", "_OTHER", "failure"): 1, login("smtp", "PLAIN", "error"): 1,
				login("smtp", "XOAUTH2", "aborted"): 1, login("smtp", "_OTHER", "aborted"): 1, login("smtp", "GSSAPI", "aborted"): 1}},
		{"messages by DATA and BDAT", hello + transaction + "C: DATA\nS: 354 go\nC: Subject: hi\nC: \nC: x\nC: .\nS: 250 ok" +
			transaction + "C: BDAT 5\nC| 12345\nS: 250 ok\nC: BDAT 5 LAST\nC| 67890\nS: 250 ok\nC: QUIT\nS: 221 bye", otelmail.RoleSubmission,
			otelmailtest.Series{`rusmes_message_size_bytes_sum{direction="out"}`: float64(len("Subject: hi\r\n\r\nx\r\n") + 10), `rusmes_message_recipients_count{direction="out"}`: 2}},
		{"a message refused has no size", hello + transaction + "C: DATA\nS: 354 go\nC: x\nC: .\nS: 452 4.3.1 full\nC: QUIT\nS: 221 bye", otelmail.RoleMX,
			otelmailtest.Series{rejection("mx", "data", "4xx", "system", "ours"): 1}},
		{"LMTP", "S: 220 mx\nC: LHLO a\nS: 250 mx\n" + transaction + "C: RCPT TO:<full@one.example>\nS: 250 ok\nC: DATA\nS: 354 go\nC: x\nC: .\nS: 250 ok\nS: 452 4.2.2 full\nC: QUIT\nS: 221 bye",
			otelmail.RoleLMTP, otelmailtest.Series{`rusmes_message_size_bytes_sum{direction="in"}`: 3, `rusmes_message_recipients_count{direction="in"}`: 1, rejection("lmtp", "data", "4xx", "mailbox_full", "theirs"): 1}},
		{"lost at once", "S: 220 mx\nRESET", otelmail.RoleMX, otelmailtest.Series{`rusmes_connections_lost_total{stage="connect"}`: 1}},
		{"lost in a transaction", hello + transaction + "RESET", otelmail.RoleMX, otelmailtest.Series{`rusmes_connections_lost_total{stage="rcpt"}`: 1}},
		{"lost between messages", hello + transaction + "C: DATA\nS: 354 go\nC: .\nS: 250 ok\nRESET", otelmail.RoleMX,
			otelmailtest.Series{`rusmes_connections_lost_total{stage="idle"}`: 1, `rusmes_message_recipients_count{direction="in"}`: 1}},
		{"lost in a message", hello + transaction + "C: DATA\nS: 354 go\nC: x\nRESET", otelmail.RoleMX, lost("data")},
		{"lost in a message that is answered", hello + transaction + "C: DATA\nS: 354 go\nC: x\nRESET\nS: 451 4.4.2 lost you", otelmail.RoleMX, lost("data")},
		{"closed in a message", hello + transaction + "C: DATA\nS: 354 go\nC: x\nEOF", otelmail.RoleMX, lost("data")},
		{"closed before the message", hello + transaction + "C: DATA\nS: 354 go\nEOF", otelmail.RoleMX, lost("data")},
		{"a time-out in a message", hello + transaction + "C: DATA\nS: 354 go\nC: x\nTIMEOUT\nS: 421 4.4.2 bye", otelmail.RoleMX, otelmailtest.Series{
			`rusmes_connections_lost_total{stage="data"}`: 1, "rusmes_smtp_errors_total": 1, rejection("mx", "data", "4xx", "timeout", "theirs"): 1}},
		{"a time-out in a message, unanswered", hello + transaction + "C: DATA\nS: 354 go\nC: x\nTIMEOUT", otelmail.RoleMX, lost("data")},
		{"closed in a chunk", hello + transaction + "C: BDAT 9 LAST\nC| x\nEOF", otelmail.RoleMX, lost("data")},
		{"lost in a chunk", hello + transaction + "C: BDAT 9 LAST\nC| x\nRESET", otelmail.RoleMX, lost("data")},
		{"lost in a login", hello + "C: AUTH LOGIN\nS: 334 \nRESET", otelmail.RoleMX, otelmailtest.Series{
			`rusmes_connections_lost_total{stage="auth"}`: 1, "rusmes_smtp_errors_total": 1, login("smtp", "LOGIN", "aborted"): 1}},
		{"a farewell in a message", hello + transaction + "C: DATA\nS: 354 go\nC: x\nTIMEOUT\nS: 221 bye", otelmail.RoleMX, lost("data")},
		{"a farewell in a message, of a clock that nobody sees", hello + transaction + "C: DATA\nS: 354 go\nS: 221 bye", otelmail.RoleMX, lost("data")},
		{"a farewell in a chunk", hello + transaction + "C: BDAT 9 LAST\nC| x\nS: 221 bye", otelmail.RoleMX, lost("data")},
		{"a farewell in a login", hello + "C: AUTH LOGIN\nS: 334 \nTIMEOUT\nS: 221 bye", otelmail.RoleMX, otelmailtest.Series{
			`rusmes_connections_lost_total{stage="auth"}`: 1, "rusmes_smtp_errors_total": 1, login("smtp", "LOGIN", "aborted"): 1}},
		{"a farewell by 421 in a login", hello + "C: AUTH LOGIN\nS: 334 \nTIMEOUT\nS: 421 4.4.2 bye", otelmail.RoleMX, otelmailtest.Series{
			`rusmes_connections_lost_total{stage="auth"}`: 1, "rusmes_smtp_errors_total": 1, login("smtp", "LOGIN", "aborted"): 1}},
		{"a farewell in a line", hello + "C| MAIL FR\nTIMEOUT\nS: 221 bye", otelmail.RoleMX, lost("helo")},
		{"a time-out of an idle client", hello + "TIMEOUT\nS: 421 4.4.2 bye", otelmail.RoleMX, lost("helo")},
		{"closed before a handshake that is refused", hello + "C| STARTTLS\nEOF\nS: 220 go\nS: 550 handshake", otelmail.RoleMX, otelmailtest.Series{
			`rusmes_connections_lost_total{stage="tls"}`: 1, "rusmes_smtp_errors_total": 1, `rusmes_tls_handshake_failures_total{direction="in",reason="closed"}`: 1}},
		{"closed between commands", hello + transaction + "EOF", otelmail.RoleMX, otelmailtest.Series{}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			rec := otelmailtest.New(t)
			d := observe.NewSMTPDialogue(rec.Tel, otelmail.Conn{}, observe.SMTPRole(tc.role))
			for _, s := range script(tc.said) {
				if s.who != "" {
					s.tell(d)
				}
			}
			d.End(otelmail.CauseNone)
			rec.Moved(beside(tc.want))
		})
	}
}

// TestFailedSTARTTLS: why a handshake after STARTTLS failed is seen below TLS, where the
// server's library keeps it for itself.
func TestFailedSTARTTLS(t *testing.T) {
	config := certificate(t)
	config.MinVersion = tls.VersionTLS13
	const lostInTLS = `rusmes_connections_lost_total{stage="tls"}`
	for _, tc := range []struct {
		name   string
		client func(net.Conn)
		want   otelmailtest.Series
	}{
		{"an old version", func(c net.Conn) {
			_ = tls.Client(c, &tls.Config{InsecureSkipVerify: true, MaxVersion: tls.VersionTLS12}).Handshake()
		}, otelmailtest.Series{`rusmes_tls_handshake_failures_total{direction="in",reason="protocol_version"}`: 1, lostInTLS: 1}},
		{"no TLS", func(c net.Conn) { fmt.Fprint(c, "EHLO again\r\n") }, otelmailtest.Series{`rusmes_tls_handshake_failures_total{direction="in",reason="not_tls"}`: 1, lostInTLS: 1}},
		{"left", func(c net.Conn) { _ = c.Close() }, otelmailtest.Series{`rusmes_tls_handshake_failures_total{direction="in",reason="closed"}`: 1, lostInTLS: 1}},
		{"done", func(c net.Conn) {
			secure := tls.Client(c, &tls.Config{InsecureSkipVerify: true})
			_ = secure.Handshake()
			fmt.Fprint(secure, "QUIT\r\n")
			_, _ = io.Copy(io.Discard, secure)
		}, otelmailtest.Series{`rusmes_tls_handshakes_total{direction="in",version="other"}`: 1}}, // nobody has told the dialogue what was agreed on
	} {
		t.Run(tc.name, func(t *testing.T) {
			rec := otelmailtest.New(t)
			near, far := net.Pipe()
			_ = near.SetDeadline(time.Now().Add(time.Minute))
			done := make(chan struct{})
			go func() { // a server that upgrades below what is observed, as libraries do
				defer close(done)
				conn := observe.SMTP(rec.Tel, far)
				defer conn.Close()
				r := bufio.NewReader(conn)
				fmt.Fprint(conn, "220 mx\r\n")
				_, _ = r.ReadString('\n')
				fmt.Fprint(conn, "220 go\r\n")
				secure := tls.Server(conn, config)
				if secure.Handshake() != nil {
					fmt.Fprint(conn, "550 no\r\n")
					return
				}
				_, _ = io.Copy(io.Discard, io.LimitReader(secure, 6))
			}()
			r := bufio.NewReader(near)
			_, _ = r.ReadString('\n')
			fmt.Fprint(near, "STARTTLS\r\n")
			_, _ = r.ReadString('\n')
			tc.client(near)
			go io.Copy(io.Discard, near)
			<-done
			near.Close()
			rec.Moved(beside(tc.want))
		})
	}
}

// TestAccessSignals: logins of IMAP and POP3, and how their commands were answered.
func TestAccessSignals(t *testing.T) {
	rec := otelmailtest.New(t)
	imap := observe.NewIMAPDialogue(rec.Tel, otelmail.Conn{})
	for _, l := range []string{"S* OK hi", "Ca LOGIN u p", "Sa NO [AUTHENTICATIONFAILED] no", "Cb AUTHENTICATE scram-sha-256", "S+ ", "C*", "Sb BAD ok then",
		"Cc AUTHENTICATE PLAIN AGEAYg==", "Sc NO [UNAVAILABLE] later", "Cd LOGIN u p", "Sd OK in", "Ce UID FETCH 1 FLAGS", "Se OK", "Cf LOGOUT", "S* BYE", "Sf OK"} {
		if l[0] == 'C' {
			imap.FromClient([]byte(l[1:] + "\r\n"))
		} else {
			imap.FromServer([]byte(l[1:] + "\r\n"))
		}
	}
	imap.End(otelmail.CauseNone)
	pop := observe.NewPOP3Dialogue(rec.Tel, otelmail.Conn{})
	for _, l := range []string{"S+OK hi", "CUSER u", "S+OK", "CPASS p", "S-ERR no", "CAUTH PLAIN", "S+ ", "CAGEAYg==", "S+OK in", "CRETR 1", "S+OK", "Sx", "S.", "CQUIT", "S+OK"} {
		if l[0] == 'C' {
			pop.FromClient([]byte(l[1:] + "\r\n"))
		} else {
			pop.FromServer([]byte(l[1:] + "\r\n"))
		}
	}
	pop.End(otelmail.CauseNone)
	rec.Moved(otelmailtest.Series{
		"rusmes_imap_connections_total": 1, "rusmes_imap_commands_total": 6, "rusmes_imap_errors_total": 3, `rusmes_tls_sessions_total{tls="no"}`: 2,
		login("imap", "LOGIN", "failure"): 1, login("imap", "SCRAM-SHA-256", "aborted"): 1, login("imap", "PLAIN", "error"): 1,
		login("imap", "LOGIN", "success"): 1, login("pop3", "PASS", "failure"): 1, login("pop3", "PLAIN", "success"): 1,
		reply("imap", "LOGIN", "no"): 1, reply("imap", "AUTHENTICATE", "bad"): 1, reply("imap", "AUTHENTICATE", "no"): 1, reply("imap", "LOGIN", "ok"): 1,
		reply("imap", "FETCH", "ok"): 1, reply("imap", "other", "ok"): 1,
		reply("pop3", "other", "ok"): 2, reply("pop3", "PASS", "error"): 1, reply("pop3", "AUTH", "ok"): 1, reply("pop3", "RETR", "ok"): 1,
	})
}

// A server that shuts down closes while its clients shake hands.
func TestClosedWhileTheClientShakesHands(t *testing.T) {
	near, far := net.Pipe()
	conn := observe.SMTP(otelmailtest.New(t).Tel, far)
	reading := make(chan struct{})
	go func() {
		defer close(reading)
		r := bufio.NewReader(conn)
		fmt.Fprint(conn, "220 mx\r\n")
		_, _ = r.ReadString('\n')
		fmt.Fprint(conn, "220 go\r\n")
		_, _ = io.Copy(io.Discard, conn)
	}()
	r := bufio.NewReader(near)
	_, _ = r.ReadString('\n')
	fmt.Fprint(near, "STARTTLS\r\n")
	_, _ = r.ReadString('\n')
	fmt.Fprint(near, "\x16\x03\x01\x00\x01x")
	go func() {
		for range 100 {
			if _, err := fmt.Fprint(near, "\x17\x03\x03\x00\x01x"); err != nil {
				return
			}
		}
	}()
	_ = conn.Close()
	<-reading
}

// What a server says to a client that it has waited for is no answer to the half line before it.
func TestPOP3FarewellInALine(t *testing.T) {
	rec := otelmailtest.New(t)
	d := observe.NewPOP3Dialogue(rec.Tel, otelmail.Conn{})
	d.FromServer([]byte("+OK hi\r\n"))
	d.FromClient([]byte("USER u\r\n"))
	d.FromServer([]byte("+OK\r\n"))
	d.FromClient([]byte("PASS x"))
	d.Lost(otelmail.CauseTimeout)
	d.FromServer([]byte("-ERR bye\r\n"))
	d.End(otelmail.CauseNone)
	rec.Moved(otelmailtest.Series{`rusmes_tls_sessions_total{tls="no"}`: 1, reply("pop3", "other", "ok"): 1})
	rec.Span("POP3 session").Has(otelmailtest.Attributes{"error.type": "timeout"})
}
