package otelsmtp_test

import (
	"io"
	"net"
	"testing"

	"github.com/emersion/go-sasl"
	gosmtp "github.com/emersion/go-smtp"

	"github.com/rusmes/otelmail"
	"github.com/rusmes/otelmail/instrumentation/otelsmtp"
)

// TestAddOns: the wrapper has the add-on interfaces of the session, and no others.
func TestAddOns(t *testing.T) {
	auth := func(*gosmtp.Conn, string) (sasl.Server, error) { return nil, gosmtp.ErrAuthFailed }
	lmtp := func(*gosmtp.Conn, io.Reader, gosmtp.StatusCollector) error { return nil }
	tests := map[string]struct {
		b          *script
		auth, lmtp bool
	}{
		"neither": {&script{}, false, false},
		"auth":    {&script{auth: auth}, true, false},
		"lmtp":    {&script{lmtp: lmtp}, false, true},
		"both":    {&script{auth: auth, lmtp: lmtp}, true, true},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			sessions := make(chan gosmtp.Session, 1)
			tt.b.mail = func(c *gosmtp.Conn, _ string) error { sessions <- c.Session(); return nil }
			w := start(t, tt.b, setting{})
			w.dial().greet().say("MAIL FROM:<a@sender.example>", "250")
			s := <-sessions
			_, hasAuth := s.(gosmtp.AuthSession)
			_, hasLMTP := s.(gosmtp.LMTPSession)
			if hasAuth != tt.auth || hasLMTP != tt.lmtp {
				t.Errorf("AuthSession %v, LMTPSession %v; want %v and %v", hasAuth, hasLMTP, tt.auth, tt.lmtp)
			}
			inner := otelsmtp.Unwrap(s)
			if inner == s || otelsmtp.Unwrap(inner) != inner {
				t.Errorf("Unwrap(%T) is %T", s, inner)
			}
		})
	}
}

// TestNoTelemetry: neither a nil Telemetry nor Noop is in the mail's way.
func TestNoTelemetry(t *testing.T) {
	for name, tel := range map[string]*otelmail.Telemetry{"nil": nil, "Noop": otelmail.Noop()} {
		t.Run(name, func(t *testing.T) {
			l, err := net.Listen("tcp", "127.0.0.1:0")
			if err != nil {
				t.Fatal(err)
			}
			server := otelsmtp.NewServer(tel, gosmtp.NewServer(&script{}))
			t.Cleanup(func() { _ = server.Close() })
			go func() { _ = server.Serve(l) }()
			w := &world{t: t, addr: l.Addr().String()}
			w.dial().greet().say(transaction, "250", "250").say("DATA", "354").say("hi\r\n.", "250").say("QUIT", "221")
		})
	}
}

// TestUserPanics: what is sampled must not decide over a message.
func TestUserPanics(t *testing.T) {
	w := start(t, &script{}, setting{opts: []otelsmtp.Option{
		otelsmtp.WithUser(func(gosmtp.Session) string { panic("no user") })}})
	w.dial().greet().say(transaction, "250", "250").say("DATA", "354").say("hi\r\n.", "250").say("QUIT", "221")
	w.expect(ended(counts{"rusmes_smtp_messages_received_total": 1}))
}
