package observe_test

import (
	"encoding/base64"
	"encoding/json"
	"log/slog"
	"strings"
	"testing"

	sdktrace "go.opentelemetry.io/otel/sdk/trace"

	"github.com/rusmes/otelmail"
	"github.com/rusmes/otelmail/observe"
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
	for name, tc := range map[string]struct {
		begin func(*otelmail.Telemetry) dialogue
		lines []string // of the server where they begin with "S "
		want  []map[string]any
	}{
		"SMTP": {func(tel *otelmail.Telemetry) dialogue {
			return observe.NewSMTPDialogue(tel, otelmail.Conn{})
		}, []string{"S 220 x", "EHLO laptop", "S 250 x", "AUTH PLAIN " + plain, "S 535 5.7.8 no", "MAIL FROM:<a@example.org>", "S 250 ok",
			"RCPT TO:<eve@example.net>", "S 550 5.1.1 unknown", "RCPT TO:<joe@example.com>", "S 250 ok", "DATA", "S 354 go on", "x", ".", "S 250 2.0.0 ok"},
			[]map[string]any{
				{"msg": "email.login_failed", "user.id": "bob", "email.login.mechanism": "PLAIN", "smtp.response.text": "no"},
				{"msg": "email.rejected", "email.from.address": "a@example.org", "email.to.address": "eve@example.net", "smtp.helo": "laptop", "email.rejection.stage": "rcpt"},
				{"msg": "email.accepted", "email.from.address": "a@example.org", "email.to.address": "joe@example.com", "messaging.message.body.size": 3.0},
			}},
		"IMAP": {func(tel *otelmail.Telemetry) dialogue {
			return observe.NewIMAPDialogue(tel, otelmail.Conn{})
		}, []string{"S * OK x", "a LOGIN bob secret", "S a NO no", "b AUTHENTICATE PLAIN " + plain, "S b NO [UNAVAILABLE] later"},
			[]map[string]any{
				{"msg": "email.login_failed", "user.id": "bob", "email.login.mechanism": "LOGIN", "email.login.result": "failure"},
				{"msg": "email.login_failed", "user.id": "bob", "email.login.mechanism": "PLAIN", "email.login.result": "error"},
			}},
		"POP3": {func(tel *otelmail.Telemetry) dialogue {
			return observe.NewPOP3Dialogue(tel, otelmail.Conn{})
		}, []string{"S +OK x", "USER bob", "S +OK", "PASS secret", "S -ERR no"},
			[]map[string]any{{"msg": "email.login_failed", "user.id": "bob", "email.login.mechanism": "PASS"}}},
	} {
		var log strings.Builder
		tel, err := otelmail.New(otelmail.WithLogMailEvents(), otelmail.WithLogHandler(slog.NewJSONHandler(&log, nil)),
			otelmail.WithPrivacy(otelmail.PrivacyFull),
			otelmail.WithTracerProvider(sdktrace.NewTracerProvider(sdktrace.WithSampler(sdktrace.NeverSample()))))
		if err != nil {
			t.Fatal(err)
		}
		d := tc.begin(tel)
		for _, line := range tc.lines {
			if said, ok := strings.CutPrefix(line, "S "); ok {
				d.FromServer([]byte(said + "\r\n"))
			} else {
				d.FromClient([]byte(line + "\r\n"))
			}
		}
		d.End(otelmail.CauseNone)
		lines := strings.Split(strings.TrimSpace(log.String()), "\n")
		if len(lines) != len(tc.want) || strings.Contains(log.String(), "secret") {
			t.Fatalf("%s: %d events, want %d:\n%s", name, len(lines), len(tc.want), log.String())
		}
		for i, want := range tc.want {
			var got map[string]any
			if err := json.Unmarshal([]byte(lines[i]), &got); err != nil {
				t.Fatal(err)
			}
			for key, value := range want {
				if got[key] != value {
					t.Errorf("%s: %v has %s=%v, want %v", name, got["msg"], key, got[key], value)
				}
			}
		}
	}
}
