package otelsmtp_test

import (
	"errors"
	"fmt"
	"io"
	"maps"
	"net/smtp"
	"strings"
	"sync"
	"testing"

	gosmtp "github.com/emersion/go-smtp"

	"github.com/rusmes/otelmail/otelmailtest"
)

// TestMix sends a known mix with both clients and compares every counter.
func TestMix(t *testing.T) {
	b := &script{rcpt: unknownUser, data: func(_ *gosmtp.Conn, r io.Reader) error {
		body, err := io.ReadAll(r)
		if err != nil {
			return err
		}
		if strings.Contains(string(body), "spam") {
			return &gosmtp.SMTPError{Code: 554, EnhancedCode: gosmtp.EnhancedCode{5, 7, 1}, Message: "Spam"}
		}
		if strings.Contains(string(body), "full") {
			return fmt.Errorf("store: %w", &gosmtp.SMTPError{Code: 452}) // go-smtp does not look inside
		}
		return nil
	}}
	w := start(t, b, setting{})

	for range 3 { // net/smtp: one message to two domains, one session each
		err := smtp.SendMail(w.addr, nil, "alice@sender.example",
			[]string{"bob@example.org", "carol@example.org", "dan@example.com"}, []byte("Subject: hi\r\n\r\nhello\r\n"))
		if err != nil {
			t.Fatal(err)
		}
	}
	c, err := gosmtp.Dial(w.addr)
	if err != nil {
		t.Fatal(err)
	}
	send := func(body string, to ...string) error {
		return c.SendMail("alice@sender.example", to, strings.NewReader(body))
	}
	if err := send("fine\r\n", "bob@example.org"); err != nil {
		t.Fatal(err)
	}
	if err := send("spam\r\n", "bob@example.org"); err == nil {
		t.Fatal("spam was accepted")
	}
	if err := send("full\r\n", "bob@example.org"); err == nil {
		t.Fatal("a full disk took a message")
	}
	if err := send("fine\r\n", "nobody@example.org"); err == nil {
		t.Fatal("nobody got a message")
	}
	if err := c.Reset(); err != nil {
		t.Fatal(err)
	}
	if err := c.Quit(); err != nil {
		t.Fatal(err)
	}
	w.expect(counts{
		"rusmes_smtp_connections_total": 4, `rusmes_tls_sessions_total{tls="no"}`: 4, "rusmes_smtp_session_duration_seconds_count": 4,
		"rusmes_smtp_messages_received_total": 4, "rusmes_smtp_messages_rejected_total": 2,
		"rusmes_smtp_errors_total": 3, // 554 5.7.1, 554 5.0.0, 550 5.1.1
	})
	w.Has(counts{`rusmes_messages_per_domain_total{domain="example.org"}`: 4, `rusmes_messages_per_domain_total{domain="example.com"}`: 3})
}

// TestOwnReplies: what go-smtp refuses by itself counts, and nothing counts twice.
func TestOwnReplies(t *testing.T) {
	b := &script{rcpt: unknownUser, mail: func(_ *gosmtp.Conn, from string) error {
		if from == "lines@sender.example" { // a reply of several lines, and longer than any buffer
			return &gosmtp.SMTPError{Code: 550, EnhancedCode: gosmtp.EnhancedCode{5, 7, 1},
				Message: "one\n" + strings.Repeat("550 5.0.0 ", 1000) + "\nthree"}
		}
		if from == "odd@sender.example" {
			return &gosmtp.SMTPError{Code: 1000, Message: "no code at all"}
		}
		return nil
	}}
	steps := []struct {
		line  string
		codes []string
		error float64 // errors that the backend's session sees
		own   float64 // those that go-smtp answers by itself
	}{
		{"FOOO bar", []string{"500"}, 0, 1},
		{"XY", []string{"501"}, 0, 1},
		{"HELP", []string{"502"}, 0, 1},
		{"RCPT TO:<bob@example.org>", []string{"502"}, 0, 1},
		{"EHLO", []string{"501"}, 0, 1},
		{"MAIL FROM:<alice", []string{"501"}, 0, 1},
		{"MAIL FROM:<alice@sender.example> SIZE=99999999", []string{"552"}, 0, 1},
		{"MAIL FROM:<lines@sender.example>", []string{"550"}, 1, 0},
		{"MAIL FROM:<odd@sender.example>", []string{"1000"}, 1, 0},
		{"MAIL FROM:<alice@sender.example>", []string{"250"}, 0, 0},
		{"RCPT TO:<nobody@example.org>", []string{"550"}, 1, 0},
		{"DATA", []string{"502"}, 0, 1},
		{"RCPT TO:<bob@example.org>", []string{"250"}, 0, 0},
		{"EHLO again.example.net", []string{"250"}, 0, 0},
		{"RSET", []string{"250"}, 0, 0},
		{"VRFY bob", []string{"252"}, 0, 0},
		{"QUIT", []string{"221"}, 0, 0},
	}
	w := start(t, b, setting{server: func(s *gosmtp.Server) { s.MaxMessageBytes = 1 << 20 }})
	c := w.dial().greet()
	want := counts{"rusmes_smtp_connections_total": 1, `rusmes_tls_sessions_total{tls="no"}`: 1, `rusmes_active_connections{protocol="smtp"}`: 1}
	for _, s := range steps {
		c.say(s.line, s.codes...)
		want["rusmes_smtp_errors_total"] += s.error
		want["rusmes_smtp_errors_total"] += s.own
		w.Has(counts{"rusmes_smtp_errors_total": want["rusmes_smtp_errors_total"]})
	}
	delete(want, `rusmes_active_connections{protocol="smtp"}`)
	want["rusmes_smtp_session_duration_seconds_count"] = 1
	w.expect(want)
}

func TestTooLongLine(t *testing.T) {
	w := start(t, &script{}, setting{})
	c := w.dial().greet().say(strings.Repeat("x", 5000), "500")
	c.closed()
	w.expect(ended(counts{"rusmes_smtp_errors_total": 1}))
}

func TestNewSessionFails(t *testing.T) {
	tries := 0
	w := start(t, &script{session: func(*gosmtp.Conn) error {
		if tries++; tries < 3 {
			return errors.New("not yet")
		}
		return nil
	}}, setting{})
	c := w.dial()
	c.answer("220")
	c.say("EHLO client.example.net", "451").say("EHLO client.example.net", "451")
	want := counts{"rusmes_smtp_connections_total": 1, `rusmes_tls_sessions_total{tls="no"}`: 1, "rusmes_smtp_errors_total": 2}
	open := maps.Clone(want)
	open[`rusmes_active_connections{protocol="smtp"}`] = 1
	w.expect(open)
	c.say("EHLO client.example.net", "250").say(transaction, "250", "250").say("DATA", "354").say("hi\r\n.", "250").say("QUIT", "221")
	want["rusmes_smtp_messages_received_total"] = 1
	want["rusmes_smtp_session_duration_seconds_count"] = 1
	w.expect(want)
}

// TestReject: Conn.Reject answers EHLO and closes.
func TestReject(t *testing.T) {
	w := start(t, &script{session: func(c *gosmtp.Conn) error {
		c.Reject()
		return errors.New("too busy")
	}}, setting{})
	c := w.dial()
	c.answer("220")
	c.say("EHLO client.example.net", "421").closed()
	w.expect(ended(counts{"rusmes_smtp_errors_total": 1}))
	w.Span("SMTP EHLO").Has(otelmailtest.Attributes{"error.type": "4.4.5"})
}

// TestServerCloses: whatever its clients are doing, all sessions end.
func TestServerCloses(t *testing.T) {
	states := map[string]struct {
		do    func(c *client)
		error float64
	}{
		"silent":  {func(c *client) { c.answer("220") }, 0},
		"greeted": {func(c *client) { c.greet() }, 0},
		"in AUTH": {func(c *client) { c.greet().say("AUTH LOGIN", "334") }, 1},
		"in DATA": {func(c *client) { c.greet().say(transaction, "250", "250").say("DATA", "354") }, 1},
		"in BDAT": {func(c *client) { c.greet().say(transaction, "250", "250").chunk("hi\r\n", "250") }, 1},
	}
	for name, state := range states {
		t.Run(name, func(t *testing.T) {
			w := start(t, logins(), setting{})
			c := w.dial()
			state.do(c)
			w.expect(counts{"rusmes_smtp_connections_total": 1, `rusmes_tls_sessions_total{tls="no"}`: 1, `rusmes_active_connections{protocol="smtp"}`: 1})
			_ = w.server.Close()
			c.closed()
			want := ended(counts{"rusmes_smtp_errors_total": state.error})
			if name == "in AUTH" {
				want["rusmes_smtp_auth_failure_total"] = 1
			}
			w.expect(want)
		})
	}
}

// TestBehindQuit: go-smtp goes on with what was pipelined behind QUIT.
func TestBehindQuit(t *testing.T) {
	w := start(t, &script{}, setting{})
	c := w.dial().greet().say("QUIT\r\nEHLO again.example.net\r\nFOO", "221")
	c.closed()
	w.expect(ended(counts{}))
}

func TestManySessions(t *testing.T) {
	const clients, messages = 200, 3
	w := start(t, &script{rcpt: unknownUser}, setting{})
	var group sync.WaitGroup
	for range clients {
		group.Go(func() {
			c, err := gosmtp.Dial(w.addr)
			if err != nil {
				t.Error(err)
				return
			}
			for range messages {
				if err := c.SendMail("a@sender.example", []string{"bob@example.org"}, strings.NewReader("hi\r\n")); err != nil {
					t.Error(err)
				}
			}
			_ = c.Mail("a@sender.example", nil)
			if c.Rcpt("nobody@example.org", nil) == nil {
				t.Error("nobody was accepted")
			}
			_ = c.Quit()
		})
	}
	group.Wait()
	w.expect(counts{
		"rusmes_smtp_connections_total": clients, `rusmes_tls_sessions_total{tls="no"}`: clients, "rusmes_smtp_session_duration_seconds_count": clients,
		"rusmes_smtp_messages_received_total": clients * messages, "rusmes_smtp_errors_total": clients,
	})
	w.Has(counts{`rusmes_messages_per_domain_total{domain="example.org"}`: clients * messages})
}
