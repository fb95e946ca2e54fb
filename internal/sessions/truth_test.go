package sessions

import (
	"strings"
	"testing"
)

// The readers are what servers are measured by, so they are held to dialogues that
// were counted by hand.
func TestTruth(t *testing.T) {
	for _, tt := range []struct {
		name           string
		protocol       Protocol
		client, server string // "|" is a line's end
		want           Counts // beside those of every session
		wants          wants
		answered       bool
	}{
		{"greeted", POP3, "", "+OK|", Counts{}, anything, true},
		{"not greeted", POP3, "", "+O", Counts{}, anything, false},
		{"lists and messages", POP3, "LIST|LIST 1|RETR 1|CAPA|NOOP|", "+OK|1 2|.|+OK 1 2|+OK|..|.|-ERR|+OK|",
			Counts{"span POP3 LIST ok": 2, "span POP3 RETR ok": 1, "span POP3 CAPA err": 1, "span POP3 NOOP ok": 1}, anything, true},
		{"half a list", POP3, "LIST|", "+OK|1 2|", Counts{}, anything, false},
		{"AUTH", POP3, "AUTH PLAIN|x|what|", "+ |-ERR|-ERR|", Counts{"span POP3 AUTH err": 1, "span POP3 _OTHER err": 1}, anything, true},
		{"AUTH waits", POP3, "AUTH PLAIN|", "+ |", Counts{}, aResponse, true},
		{"STLS", POP3, "STLS|", "+OK|", Counts{"span POP3 STLS ok": 1}, aHandshake, true},
		{"more behind STLS", POP3, "STLS|NOOP|", "+OK|", Counts{"span POP3 STLS ok": 1}, nothing, true},
		{"QUIT", POP3, "QUIT|NOOP|", "+OK|", Counts{"span POP3 QUIT ok": 1}, nothing, true},
		{"a message that ends too early", POP3, "RETR 1|NOOP|", "+OK|.|..|.|+OK|",
			Counts{"span POP3 RETR ok": 1, Name("telemetry_unfollowed_sessions_total", "protocol", "pop3"): 1}, nothing, true},
		{"an unanswered command", POP3, "NOOP|NOOP|", "+OK|", Counts{"span POP3 NOOP ok": 1}, anything, false},

		{"a message", SMTP, "MAIL FROM:<a@b>|RCPT TO:<x@One.example>|RCPT TO:<y@one.example>|DATA|..|text|.|NOOP|", "250 1|250 2|250 3|354 go|250 4|250 5|",
			Counts{"span SMTP MAIL 250": 1, "span SMTP RCPT 250": 2, "span SMTP DATA 250": 1, "span SMTP NOOP 250": 1,
				"smtp_messages_received_total": 1, `messages_per_domain_total{domain="one.example"}`: 1,
				"message_size_bytes_count": 1, "message_size_bytes_sum": 10, "message_recipients_count": 1, "message_recipients_sum": 2}, anything, true},
		{"DATA out of order", SMTP, "DATA|", "503 no|", Counts{"span SMTP DATA 503": 1, "smtp_errors_total": 1}, anything, true},
		{"a message refused", SMTP, "RCPT TO:<x@one.example>|DATA|.|", "250 ok|354 go|550 no|",
			Counts{"span SMTP RCPT 250": 1, "span SMTP DATA 550": 1, "smtp_errors_total": 1, "smtp_messages_rejected_total": 1, `rejections_total{class="5xx",stage="data"}`: 1}, anything, true},
		{"half a message", SMTP, "RCPT TO:<x@one.example>|DATA|x|", "250 ok|354 go|", Counts{"span SMTP RCPT 250": 1}, aBody, true},
		{"logins", SMTP, "AUTH LOGIN|a|b|AUTH PLAIN x|", "334 |334 |535-no|535 no|235 ok|",
			Counts{"span SMTP AUTH 535": 1, "span SMTP AUTH 235": 1, "smtp_errors_total": 1, "smtp_auth_failure_total": 1, "smtp_auth_success_total": 1}, anything, true},
		{"STARTTLS", SMTP, "STARTTLS|NOOP|", "220 go|", Counts{}, aHandshake, true},
		{"chunks", SMTP, "EHLO x|RCPT TO:<x@one.example>|BDAT 6|NOOP|BDAT 0 LAST|NOOP|", "250-mx|250 CHUNKING|250 ok|250 6|250 taken|250 ok|",
			Counts{"span SMTP EHLO 250": 1, "span SMTP RCPT 250": 1, "span SMTP BDAT 250": 1, "span SMTP NOOP 250": 1,
				"smtp_messages_received_total": 1, `messages_per_domain_total{domain="one.example"}`: 1,
				"message_size_bytes_count": 1, "message_size_bytes_sum": 6, "message_recipients_count": 1, "message_recipients_sum": 1}, anything, true},
		{"messages of LMTP", LMTP, "LHLO x|RCPT TO:<x@one.example>|RCPT TO:<y@two.example>|DATA|hi|.|NOOP|", "250 mx|250 ok|250 ok|354 go|250 ok|452 full|250 ok|",
			Counts{"span SMTP LHLO 250": 1, "span SMTP RCPT 250": 2, "span SMTP DATA 452": 1, "span SMTP NOOP 250": 1, "smtp_errors_total": 1,
				`rejections_total{class="4xx",stage="data"}`: 1, "smtp_messages_received_total": 1, `messages_per_domain_total{domain="one.example"}`: 1,
				"message_size_bytes_count": 1, "message_size_bytes_sum": 4, "message_recipients_count": 1, "message_recipients_sum": 1,
				`replies_total{class="2xx",command="DATA",protocol="smtp"}`: 1}, anything, true},
		{"chunks given up", SMTP, "EHLO x|RCPT TO:<x@one.example>|BDAT 6|NOOP|RSET|", "250-mx|250 CHUNKING|250 ok|250 6|250 ok|",
			Counts{"span SMTP EHLO 250": 1, "span SMTP RCPT 250": 1, "span SMTP RSET 250": 1, "smtp_errors_total": 1}, anything, true},
		{"half a chunk", SMTP, "EHLO x|RCPT TO:<x@one.example>|BDAT 9 LAST|NOOP|", "250-mx|250 CHUNKING|250 ok|",
			Counts{"span SMTP EHLO 250": 1, "span SMTP RCPT 250": 1}, aBody, true},
		{"no CHUNKING", SMTP, "EHLO x|BDAT 6 LAST|NOOP|", "250 mx|502 no|250 ok|",
			Counts{"span SMTP EHLO 250": 1, "span SMTP BDAT 502": 1, "span SMTP NOOP 250": 1, "smtp_errors_total": 1}, anything, true},
		{"a reply too many", SMTP, "NOOP|NOOP|", "250 ok|500 what|500 Too many errors|",
			Counts{"span SMTP NOOP 250": 1, "span SMTP NOOP 500": 1, "smtp_errors_total": 2}, nothing, true},
		{"commands", IMAP, "a1 LOGIN {4}|user {1+}|x|a2 uid fetch 1 BODY[]|a3 XYZZY|a4 SELECT x|", "+ go|a1 OK in|* 1 FETCH (BODY[] {8}|a2 BAD|)|a2 OK done|a3 BAD what|a4 NO x|",
			Counts{"imap_commands_total": 4, "imap_errors_total": 2, "span IMAP LOGIN ok": 1, "span IMAP FETCH ok": 1, "span IMAP _OTHER bad": 1, "span IMAP SELECT no": 1}, anything, true},
		{"IDLE", IMAP, "a IDLE|DONE|b IDLE|", "+ idling|* 1 EXISTS|a OK done|+ idling|", Counts{"imap_commands_total": 1, "span IMAP IDLE ok": 1}, aContinuation, true},
		{"a literal refused", IMAP, "a CREATE {9999}|b NOOP|", "a NO big|b OK|",
			Counts{"imap_commands_total": 2, "imap_errors_total": 1, "span IMAP CREATE no": 1, "span IMAP NOOP ok": 1}, anything, true},
		{"no command", IMAP, "|a NOOP|", "* BAD what|a OK|", Counts{"imap_commands_total": 1, "imap_errors_total": 1, "span IMAP NOOP ok": 1}, anything, true},
		{"half a literal", IMAP, "a CREATE {99+}|b NOOP|", "", Counts{}, anything, true},
		{"TLS for IMAP", IMAP, "a STARTTLS|", "a OK go|", Counts{"imap_commands_total": 1, "span IMAP STARTTLS ok": 1}, aHandshake, true},
		{"LOGOUT", IMAP, "a LOGOUT|b NOOP|", "* BYE|a OK|", Counts{"imap_commands_total": 1, "span IMAP LOGOUT ok": 1}, nothing, true},
		{"nonsense", SMTP, "NOOP|", "what|", Counts{Name("telemetry_unfollowed_sessions_total", "protocol", "smtp"): 1}, anything, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			lines := func(text string) []byte { return []byte(strings.ReplaceAll(text, "|", "\r\n")) }
			greeting := map[string]string{"pop3": "", "smtp": "220 mx|", "imap": "* OK|"}[tt.protocol.label]
			if tt.protocol.name == "pop3" && tt.client != "" {
				greeting = "+OK|"
			}
			r := tt.protocol.read(&said{parts: []part{{client: lines(tt.client), server: lines(greeting + tt.server)}}})
			for _, every := range []string{"span POP3 session", "span SMTP session", "smtp_connections_total", "imap_connections_total", "smtp_session_duration_seconds_count", begins(Plaintext)} {
				delete(r.counts, every)
			}
			if wrong := tt.want.differences(r.counts); len(wrong) > 0 || r.wants != tt.wants || r.answered != tt.answered {
				t.Errorf("%q; wants %d, %d; answered %t, %t", wrong, r.wants, tt.wants, r.answered, tt.answered)
			}
		})
	}
}

// A server that says nothing has hung up on a line that is no command; one that says
// goodbye has not.
func TestTruthOfLineThatIsNoCommand(t *testing.T) {
	for answer, errors := range map[string]int64{"": 1, "* BYE what\r\n": 0, "* BAD what\r\n": 1} {
		whole := &said{over: true, parts: []part{{client: []byte("\r\n"), server: []byte("* OK\r\n" + answer)}}}
		if got := IMAP.read(whole).counts["imap_errors_total"]; got != errors {
			t.Errorf("%q: %d errors, want %d", answer, got, errors)
		}
	}
}
