package otelsmtp_test

import (
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	gosmtp "github.com/emersion/go-smtp"

	"github.com/rusmes/otelmail/otelmailtest"
)

// TestVanishInData: the message broke off; nobody refused it.
func TestVanishInData(t *testing.T) {
	ways := map[string]func(c *client){
		"closes": func(c *client) { _ = c.Close() },
		"resets": func(c *client) { _ = c.Conn.(*net.TCPConn).SetLinger(0); _ = c.Close() },
	}
	for name, leave := range ways {
		t.Run(name, func(t *testing.T) {
			reading := make(chan struct{})
			w := start(t, &script{data: func(_ *gosmtp.Conn, r io.Reader) error {
				close(reading)
				if _, err := io.Copy(io.Discard, r); err != nil {
					return fmt.Errorf("store: %w", err)
				}
				return nil
			}}, setting{})
			c := w.dial().greet().say(transaction, "250", "250").say("DATA", "354").say("Subject: hi")
			<-reading
			leave(c)
			w.expect(ended(counts{"rusmes_smtp_errors_total": 1}))
			kind := map[string]string{"closes": "eof", "resets": "connection_reset"}[name]
			w.Span("SMTP DATA").Has(otelmailtest.Attributes{"error.type": kind, "smtp.response.status_code": nil})
		})
	}
}

// TestTimeouts: the client is still there to be told.
func TestTimeouts(t *testing.T) {
	set := setting{server: func(s *gosmtp.Server) { s.ReadTimeout = 500 * time.Millisecond }}
	t.Run("idle", func(t *testing.T) {
		w := start(t, &script{}, set)
		c := w.dial().greet()
		c.answer("421")
		w.expect(ended(counts{"rusmes_smtp_errors_total": 1}))
		w.Span("SMTP session").Has(otelmailtest.Attributes{"error.type": "timeout"})
	})
	t.Run("in AUTH", func(t *testing.T) {
		w := start(t, logins(), set)
		w.dial().greet().say("AUTH LOGIN", "334").answer("421")
		w.expect(ended(counts{"rusmes_smtp_auth_failure_total": 1, "rusmes_smtp_errors_total": 1}))
	})
	t.Run("in DATA", func(t *testing.T) {
		w := start(t, &script{}, set)
		c := w.dial().greet().say(transaction, "250", "250").say("DATA", "354", "554")
		c.say("QUIT", "221").closed()
		w.expect(ended(counts{"rusmes_smtp_messages_rejected_total": 1, "rusmes_smtp_errors_total": 1}))
	})
}

// TestSilentClient: it never says EHLO, and counts all the same.
func TestSilentClient(t *testing.T) {
	w := start(t, &script{}, setting{})
	c := w.dial()
	c.answer("220")
	w.expect(counts{"rusmes_smtp_connections_total": 1, `rusmes_tls_sessions_total{tls="no"}`: 1, `rusmes_active_connections{protocol="smtp"}`: 1})
	_ = c.Close()
	w.expect(ended(counts{}))
}

func TestBdat(t *testing.T) {
	refuse := &gosmtp.SMTPError{Code: 550, EnhancedCode: gosmtp.EnhancedCode{5, 7, 1}, Message: "No"}
	late := make(chan struct{})
	all := func(_ *gosmtp.Conn, r io.Reader) error { _, err := io.Copy(io.Discard, r); return err }
	tests := []struct {
		name string
		data func(c *gosmtp.Conn, r io.Reader) error
		do   func(c *client)
		want counts
		kind any // error.type of BDAT
	}{
		{"chunks", all, func(c *client) { c.chunk("one\r\n", "250").chunk("two\r\n", "250").last("three\r\n", "250") },
			counts{"rusmes_smtp_messages_received_total": 1}, nil},
		{"refused at the end", func(c *gosmtp.Conn, r io.Reader) error { _ = all(c, r); return refuse },
			func(c *client) { c.chunk("one\r\n", "250").last("two\r\n", "550") },
			counts{"rusmes_smtp_messages_rejected_total": 1, "rusmes_smtp_errors_total": 1}, "5.7.1"},
		{"refused unread", func(*gosmtp.Conn, io.Reader) error { return refuse },
			func(c *client) { c.last("one\r\n", "550") },
			counts{"rusmes_smtp_messages_rejected_total": 1, "rusmes_smtp_errors_total": 1}, "5.7.1"},
		{"accepted unread", func(*gosmtp.Conn, io.Reader) error { return nil },
			func(c *client) { c.last("one\r\n", "554") },
			counts{"rusmes_smtp_messages_rejected_total": 1, "rusmes_smtp_errors_total": 1}, "5.0.0"},
		{"RSET in between", all, func(c *client) { c.chunk("one\r\n", "250").say("RSET", "250") },
			counts{"rusmes_smtp_errors_total": 1}, "canceled"},
		{"RSET, and the backend has an answer", func(c *gosmtp.Conn, r io.Reader) error {
			if all(c, r) != nil {
				return refuse // which nobody hears
			}
			return nil
		}, func(c *client) { c.chunk("one\r\n", "250").say("RSET", "250") }, counts{"rusmes_smtp_errors_total": 1}, "canceled"},
		{"gone in between", all, func(c *client) { c.chunk("one\r\n", "250"); _ = c.Close() },
			counts{"rusmes_smtp_errors_total": 1}, "eof"},
		{"out of order", all, func(c *client) {
			c.chunk("one\r\n", "250").say("MAIL FROM:<a@sender.example>", "502").say("FOOO", "500").last("two\r\n", "250")
		}, counts{"rusmes_smtp_messages_received_total": 1, "rusmes_smtp_errors_total": 2}, nil},
		{"out of order, then RSET", all, func(c *client) {
			c.chunk("one\r\n", "250").say("RCPT TO:<a@sender.example>", "502").say("RSET", "250")
		}, counts{"rusmes_smtp_errors_total": 2}, "canceled"},
		{"first chunk too big", all, func(c *client) { c.last(strings.Repeat("line\r\n", 300), "552") },
			counts{"rusmes_smtp_messages_rejected_total": 1, "rusmes_smtp_errors_total": 1}, "5.3.4"},
		{"second chunk too big", all, func(c *client) { c.chunk("one\r\n", "250").last(strings.Repeat("line\r\n", 300), "552") },
			counts{"rusmes_smtp_messages_rejected_total": 1, "rusmes_smtp_errors_total": 1}, "5.3.4"},
		{"panic at RSET", func(c *gosmtp.Conn, r io.Reader) error {
			err := all(c, r)
			c.Session() // waits for go-smtp's reset to end, which it does not do by itself: a race of its own
			panic(err)
		},
			func(c *client) { c.chunk("one\r\n", "250").say("RSET", "250") }, counts{"rusmes_smtp_errors_total": 1}, "panic"},
		{"a late answer", func(c *gosmtp.Conn, r io.Reader) error {
			_ = all(c, r)
			<-late
			return refuse
		}, func(c *client) { c.chunk("one\r\n", "250").say("RSET", "250").say("FOOO", "500"); close(late) }, counts{"rusmes_smtp_errors_total": 2}, "canceled"},
		{"panic", func(_ *gosmtp.Conn, r io.Reader) error { _, _ = io.ReadFull(r, make([]byte, 3)); panic("in Data") },
			func(c *client) { c.last("one\r\n", "421").closed() },
			counts{"rusmes_smtp_messages_rejected_total": 1, "rusmes_smtp_errors_total": 1}, "panic"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			w := start(t, &script{data: tt.data}, setting{server: func(s *gosmtp.Server) { s.MaxMessageBytes = 1000 }})
			c := w.dial().greet().say(transaction, "250", "250")
			tt.do(c)
			w.Span("SMTP BDAT").Has(otelmailtest.Attributes{"error.type": tt.kind})
			_ = c.Close()
			w.expect(ended(tt.want))
		})
	}
}

func TestDataTooBig(t *testing.T) {
	w := start(t, &script{}, setting{server: func(s *gosmtp.Server) { s.MaxMessageBytes = 10 }})
	w.dial().greet().say(transaction, "250", "250").say("DATA", "354").say(strings.Repeat("x", 50)+"\r\n.", "552").say("QUIT", "221")
	w.expect(ended(counts{"rusmes_smtp_messages_rejected_total": 1, "rusmes_smtp_errors_total": 1}))
	w.Span("SMTP DATA").Has(otelmailtest.Attributes{"error.type": "5.3.4"})
}

func TestPanics(t *testing.T) {
	tests := map[string]struct {
		b    *script
		do   func(c *client)
		want counts
	}{
		"EHLO": {&script{session: func(*gosmtp.Conn) error { panic("in NewSession") }},
			func(c *client) { c.answer("220"); c.say("EHLO client.example.net", "421") }, counts{}},
		"MAIL": {&script{mail: func(*gosmtp.Conn, string) error { panic("in Mail") }},
			func(c *client) { c.greet().say("MAIL FROM:<a@sender.example>", "421") }, counts{}},
		"RCPT": {&script{rcpt: func(*gosmtp.Conn, string) error { panic("in Rcpt") }},
			func(c *client) { c.greet().say(transaction, "250", "421") }, counts{}},
		"DATA": {&script{data: func(*gosmtp.Conn, io.Reader) error { panic("in Data") }},
			func(c *client) { c.greet().say(transaction, "250", "250").say("DATA", "354", "421") },
			counts{"rusmes_smtp_messages_rejected_total": 1}},
	}
	for verb, tt := range tests {
		t.Run(verb, func(t *testing.T) {
			w := start(t, tt.b, setting{})
			c := w.dial()
			tt.do(c)
			c.closed()
			w.Span("SMTP " + verb).Has(otelmailtest.Attributes{"error.type": "panic", "smtp.response.status_code": 421})
			want := ended(counts{"rusmes_smtp_errors_total": 1})
			for name, n := range tt.want {
				want[name] = n
			}
			w.expect(want)
			w.Has(counts{`rusmes_panics_total{component="smtp"}`: 1})
		})
	}
}

func TestLMTP(t *testing.T) {
	full := &gosmtp.SMTPError{Code: 452, EnhancedCode: gosmtp.EnhancedCode{4, 2, 2}, Message: "Mailbox full"}
	read := func(r io.Reader) error { _, err := io.Copy(io.Discard, r); return err }
	const recipients = "RCPT TO:<bob@example.org>\r\nRCPT TO:<carol@example.com>\r\nRCPT TO:<bob@example.org>"
	tests := []struct {
		name  string
		b     *script
		codes []string
		want  counts
		org   float64 // messages for example.org
		com   float64 // and for example.com
	}{
		{"each", &script{lmtp: func(_ *gosmtp.Conn, r io.Reader, s gosmtp.StatusCollector) error {
			s.SetStatus("bob@example.org", nil)
			s.SetStatus("carol@example.com", full)
			s.SetStatus("bob@example.org", full)
			return read(r)
		}}, []string{"250", "452", "452"}, counts{"rusmes_smtp_messages_received_total": 1, "rusmes_smtp_errors_total": 2}, 1, 0},
		{"the rest is refused", &script{lmtp: func(_ *gosmtp.Conn, r io.Reader, s gosmtp.StatusCollector) error {
			if err := read(r); err != nil {
				return err
			}
			s.SetStatus("carol@example.com", nil)
			return errors.New("away")
		}}, []string{"554", "250", "554"}, counts{"rusmes_smtp_messages_received_total": 1, "rusmes_smtp_errors_total": 2}, 0, 1},
		{"all refused", &script{auth: logins().auth, lmtp: func(_ *gosmtp.Conn, r io.Reader, _ gosmtp.StatusCollector) error {
			_ = read(r)
			return full
		}}, []string{"452", "452", "452"}, counts{"rusmes_smtp_messages_rejected_total": 1, "rusmes_smtp_errors_total": 3}, 0, 0},
		{"one answer accepts", &script{}, []string{"250", "250", "250"}, counts{"rusmes_smtp_messages_received_total": 1}, 1, 1},
		{"one answer refuses", &script{data: func(_ *gosmtp.Conn, r io.Reader) error { _ = read(r); return full }},
			[]string{"452", "452", "452"}, counts{"rusmes_smtp_messages_rejected_total": 1, "rusmes_smtp_errors_total": 3}, 0, 0},
		{"panic", &script{lmtp: func(_ *gosmtp.Conn, r io.Reader, s gosmtp.StatusCollector) error {
			_ = read(r)
			s.SetStatus("carol@example.com", nil)
			panic("in LMTPData")
		}}, []string{"421", "250", "421"}, counts{"rusmes_smtp_messages_received_total": 1, "rusmes_smtp_errors_total": 2}, 0, 1},
		{"unknown recipient", &script{lmtp: func(_ *gosmtp.Conn, r io.Reader, s gosmtp.StatusCollector) error {
			_ = read(r)
			s.SetStatus("nobody@example.net", nil) // go-smtp panics
			return nil
		}}, []string{"421", "421", "421"}, counts{"rusmes_smtp_messages_rejected_total": 1, "rusmes_smtp_errors_total": 3}, 0, 0},
	}
	for _, tt := range tests {
		for _, verb := range []string{"DATA", "BDAT"} {
			t.Run(fmt.Sprintf("%s, %s", tt.name, verb), func(t *testing.T) {
				w := start(t, tt.b, setting{network: "unix", server: func(s *gosmtp.Server) { s.LMTP = true }})
				c := w.dial()
				c.answer("220")
				c.say("LHLO client.example.net", "250").say("MAIL FROM:<a@sender.example>", "250").say(recipients, "250", "250", "250")
				if verb == "DATA" {
					c.say("DATA", "354").say("hi\r\n.", tt.codes...)
				} else {
					c.last("hi\r\n", tt.codes...)
				}
				_ = c.Close()
				want := ended(counts{})
				for name, n := range tt.want {
					want[name] = n
				}
				w.expect(want)
				w.Span("SMTP LHLO")
				w.Span("SMTP session").Has(otelmailtest.Attributes{"smtp.role": "lmtp", "network.protocol.name": "lmtp"})
				w.Has(counts{`rusmes_messages_per_domain_total{domain="example.org"}`: tt.org, `rusmes_messages_per_domain_total{domain="example.com"}`: tt.com})
			})
		}
	}
}
