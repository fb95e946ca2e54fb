package observe_test

import (
	"encoding/base64"
	"strings"
	"testing"

	sdktrace "go.opentelemetry.io/otel/sdk/trace"

	"github.com/rusmes/otelmail"
	"github.com/rusmes/otelmail/observe"
	"github.com/rusmes/otelmail/otelmailtest"
)

type dialogue interface {
	FromClient([]byte)
	FromServer([]byte)
	End(otelmail.Cause)
}

// TestEventsKnowThePartiesUnsampled: what passes over a connection tells events who was
// concerned, even where no span records.
func TestEventsKnowThePartiesUnsampled(t *testing.T) {
	plain := base64.StdEncoding.EncodeToString([]byte("\x00bob\x00secret"))
	type event struct {
		name string
		has  otelmailtest.Attributes
	}
	for name, tc := range map[string]struct {
		begin func(*otelmail.Telemetry) dialogue
		lines []string         // of the server where they begin with "S "
		want  map[string]event // by the line that tells of it
	}{
		"SMTP": {func(tel *otelmail.Telemetry) dialogue {
			return observe.NewSMTPDialogue(tel, otelmail.Conn{})
		}, []string{"S 220 x", "EHLO laptop", "S 250 x", "AUTH PLAIN " + plain, "S 535 5.7.8 no", "MAIL FROM:<a@example.org>", "S 250 ok",
			"RCPT TO:<eve@example.net>", "S 550 5.1.1 unknown", "RCPT TO:<joe@example.com>", "S 250 ok", "DATA", "S 354 go on", "x", ".", "S 250 2.0.0 ok"},
			map[string]event{
				"S 535 5.7.8 no":      {"email.login_failed", otelmailtest.Attributes{"user.id": "bob", "email.login.mechanism": "PLAIN", "smtp.response.text": "no"}},
				"S 550 5.1.1 unknown": {"email.rejected", otelmailtest.Attributes{"email.from.address": "a@example.org", "email.to.address": "eve@example.net", "smtp.helo": "laptop", "email.rejection.stage": "rcpt"}},
				"S 250 2.0.0 ok":      {"email.accepted", otelmailtest.Attributes{"email.from.address": "a@example.org", "email.to.address": "joe@example.com", "messaging.message.body.size": 3}},
			}},
		"IMAP": {func(tel *otelmail.Telemetry) dialogue {
			return observe.NewIMAPDialogue(tel, otelmail.Conn{})
		}, []string{"S * OK x", "a LOGIN bob secret", "S a NO no", "b AUTHENTICATE PLAIN " + plain, "S b NO [UNAVAILABLE] later"},
			map[string]event{
				"S a NO no":                  {"email.login_failed", otelmailtest.Attributes{"user.id": "bob", "email.login.mechanism": "LOGIN", "email.login.result": "failure"}},
				"S b NO [UNAVAILABLE] later": {"email.login_failed", otelmailtest.Attributes{"user.id": "bob", "email.login.mechanism": "PLAIN", "email.login.result": "error"}},
			}},
		"POP3": {func(tel *otelmail.Telemetry) dialogue {
			return observe.NewPOP3Dialogue(tel, otelmail.Conn{})
		}, []string{"S +OK x", "USER bob", "S +OK", "PASS secret", "S -ERR no"},
			map[string]event{"S -ERR no": {"email.login_failed", otelmailtest.Attributes{"user.id": "bob", "email.login.mechanism": "PASS"}}}},
	} {
		t.Run(name, func(t *testing.T) {
			rec := otelmailtest.New(t, otelmail.WithPrivacy(otelmail.PrivacyFull), otelmail.WithSampler(sdktrace.NeverSample()))
			d := tc.begin(rec.Tel)
			for _, line := range tc.lines {
				rec.Mark()
				if said, ok := strings.CutPrefix(line, "S "); ok {
					d.FromServer([]byte(said + "\r\n"))
				} else {
					d.FromClient([]byte(line + "\r\n"))
				}
				if want, ok := tc.want[line]; ok {
					rec.Events(want.name)
					rec.Event(want.name).Has(want.has)
				} else {
					rec.Events()
				}
			}
			rec.Mark()
			d.End(otelmail.CauseNone)
			rec.Events()
			rec.Leaks("secret")
		})
	}
}
