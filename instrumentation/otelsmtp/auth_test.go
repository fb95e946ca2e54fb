package otelsmtp_test

import (
	"crypto/tls"
	"encoding/base64"
	"errors"
	"fmt"
	"testing"

	"github.com/emersion/go-sasl"
	gosmtp "github.com/emersion/go-smtp"
)

// login asks for a response in two steps, so that a client can break off.
type login struct{ step int }

func (l *login) Next(response []byte) ([]byte, bool, error) {
	l.step++
	switch {
	case l.step == 1:
		return []byte("Password:"), false, nil
	case string(response) == "secret":
		return nil, true, nil
	case string(response) == "panic":
		panic("at the password")
	case string(response) == "away":
		return nil, false, errors.New("the user database is away")
	}
	return nil, false, gosmtp.ErrAuthFailed
}

func logins() *script {
	return &script{auth: func(_ *gosmtp.Conn, mechanism string) (sasl.Server, error) {
		if mechanism != sasl.Login {
			return nil, gosmtp.ErrAuthUnknownMechanism
		}
		return &login{}, nil
	}}
}

func encode(s string) string { return base64.StdEncoding.EncodeToString([]byte(s)) }

func TestAuth(t *testing.T) {
	steps := []struct {
		name  string
		do    func(c *client)
		ok    float64
		fail  float64
		error float64
	}{
		{"unknown mechanism", func(c *client) { c.say("AUTH GSSAPI", "504") }, 0, 1, 1},
		{"wrong", func(c *client) { c.say("AUTH LOGIN", "334").say(encode("wrong"), "535") }, 0, 1, 1},
		{"database away", func(c *client) { c.say("AUTH LOGIN", "334").say(encode("away"), "454") }, 0, 1, 1},
		{"canceled", func(c *client) { c.say("AUTH LOGIN", "334").say("*", "501").say("MAIL FROM:<a@sender.example>", "250") }, 0, 1, 1},
		{"canceled, then again", func(c *client) {
			c.say("AUTH LOGIN", "334").say("*", "501").say("AUTH LOGIN", "334").say("*", "501").say("RSET", "250")
		}, 0, 2, 2},
		{"bad base64", func(c *client) { c.say("AUTH LOGIN", "334").say("?", "454").say("RSET", "250") }, 0, 1, 1},
		{"canceled, then quit", func(c *client) { c.say("AUTH LOGIN", "334").say("*", "501").say("QUIT", "221") }, 0, 1, 1},
		{"vanished", func(c *client) { c.say("AUTH LOGIN", "334"); _ = c.Close() }, 0, 1, 1},
		{"panic", func(c *client) { c.say("AUTH LOGIN", "334").say(encode("panic"), "421").closed() }, 0, 1, 1},
		{"right", func(c *client) { c.say("AUTH LOGIN", "334").say(encode("secret"), "235") }, 1, 0, 0},
		{"right after wrong", func(c *client) {
			c.say("AUTH LOGIN", "334").say(encode("wrong"), "535").say("AUTH LOGIN", "334").say(encode("secret"), "235")
		}, 1, 1, 1},
	}
	for _, s := range steps {
		for _, how := range []string{"plaintext", "TLS"} {
			t.Run(fmt.Sprintf("%s, %s", s.name, how), func(t *testing.T) {
				kind, config := "no", serverTLS(t)
				set := setting{}
				if how == "TLS" {
					kind, set = "yes", implicitTLS(config)
				}
				w := start(t, logins(), set)
				c := w.dial()
				if how == "TLS" {
					c = hand(t, tls.Client(c.Conn, clientTLS(config)))
				}
				s.do(c.greet())
				_ = c.Close()
				w.expect(counts{
					"rusmes_smtp_connections_total": 1, `rusmes_tls_sessions_total{tls="` + kind + `"}`: 1, "rusmes_smtp_session_duration_seconds_count": 1,
					"rusmes_smtp_auth_success_total": s.ok, "rusmes_smtp_auth_failure_total": s.fail, "rusmes_smtp_errors_total": s.error,
				})
			})
		}
	}
}

// TestAuthWithoutTLS: go-smtp answers 523 without its backend.
func TestAuthWithoutTLS(t *testing.T) {
	w := start(t, logins(), setting{server: func(s *gosmtp.Server) { s.AllowInsecureAuth = false }})
	w.dial().greet().say("AUTH LOGIN", "523").say("QUIT", "221")
	w.expect(ended(counts{"rusmes_smtp_auth_failure_total": 1, "rusmes_smtp_errors_total": 1}))
}
