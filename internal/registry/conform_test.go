package registry_test

import (
	"maps"
	"strings"
	"testing"

	"github.com/rusmes/otelmail/internal/registry"
)

type attrs = map[string]any

func with(m attrs, key string, value any) attrs {
	m = maps.Clone(m)
	if value == nil {
		delete(m, key)
	} else {
		m[key] = value
	}
	return m
}

// TestLinks: which spans may have links.
func TestLinks(t *testing.T) {
	telemetry := built(t).Telemetry()
	for id, want := range map[string]bool{"span.queue.dequeue": true, "span.delivery.attempt": true, "span.smtp.session": true,
		"span.queue.enqueue": true, "span.mail.process": false, "span.lost": false} {
		if got := telemetry.Links(id); got != want {
			t.Errorf("%s: links %t, want %t", id, got, want)
		}
	}
}

// TestTelemetry: what is as the registry has it, and what is not.
func TestTelemetry(t *testing.T) {
	telemetry := built(t).Telemetry()
	rcpt := attrs{"smtp.command": "RCPT", "smtp.response.status_code": int64(250)}
	http := attrs{"http.request.method": "POST", "url.scheme": "https", "http.route": "/jmap"}
	span := func(name, kind string, failed bool, a attrs) error {
		_, err := telemetry.Span(name, kind, failed, a)
		return err
	}
	depth := registry.Metric{Name: "rusmes_queue_messages", Unit: "{message}", Instrument: "gauge"}
	seconds := registry.Metric{Name: "rusmes_smtp_session_duration_seconds", Unit: "s", Instrument: "histogram", Buckets: []float64{1, 2}}
	for _, tt := range []struct {
		err  error
		want string // "" for none
	}{
		{span("SMTP RCPT", "server", false, rcpt), ""},
		{span("SMTP RCPT", "server", true, with(rcpt, "error.type", "5.1.1")), ""},
		{span("SMTP RCPT", "server", true, rcpt), "the status is Error, and there is no error.type"},
		{span("SMTP RCPT", "client", false, rcpt), "span SMTP RCPT is of the kind client, want server"},
		{span("SMTP DATA", "server", false, rcpt), "the name says DATA, but smtp.command is RCPT"},
		{span("SMTP HELLO", "server", false, with(rcpt, "smtp.command", "HELLO")), "span SMTP HELLO of the kind server: not in the registry"},
		{span("smtp rcpt", "server", false, rcpt), "not in the registry"},
		{span("SMTP RCPT", "server", false, with(rcpt, "smtp.command", nil)), "span SMTP RCPT: smtp.command is missing"},
		{span("SMTP RCPT", "server", false, with(rcpt, "smtp.response.status_code", "250")), "smtp.response.status_code is of the type string, want int"},
		{span("SMTP RCPT", "server", false, with(rcpt, "imap.state", "selected")), "imap.state is unknown"},
		{span("SMTP RCPT", "server", false, with(rcpt, "smtp.auth.mechanism", "PASS")), `smtp.auth.mechanism cannot be "PASS"`},
		{span("JMAP Email/get", "internal", false, attrs{"jmap.method": "Email/get"}), ""},
		{span("JMAP Email/get", "server", false, attrs{"jmap.method": "Email/get"}), ""},
		{span("JMAP Email/get", "client", false, attrs{"jmap.method": "Email/get"}), "want internal or server"},
		{span("mailet _OTHER", "internal", false, attrs{"email.stage.name": "the 101st", "email.stage.result": "drop"}), ""},
		{span("POST /jmap", "server", false, http), ""},
		{span("POST", "server", false, with(http, "http.route", nil)), ""},
		{span("HTTP", "server", false, with(with(http, "http.route", nil), "http.request.method", "_OTHER")), ""},
		{span("POST /jmap", "server", false, with(http, "url.scheme", "gopher")), `url.scheme cannot be "gopher" here: want one of ["http" "https"]`},
		{telemetry.Event("email.queued", attrs{"messaging.message.id": "q"}), ""},
		{telemetry.Event("email.lost", attrs{}), "event email.lost: not in the registry"},
		{telemetry.Event("email.failed", attrs{"email.delivery.transport": "pigeon"}), `email.delivery.transport cannot be "pigeon"`},
		{telemetry.Event("email.failed", attrs{}), "error.type is missing"},
		{telemetry.Metric(depth, attrs{"state": "hold"}, attrs{"state": "ready"}), ""},
		{telemetry.Metric(depth, attrs{"state": "lost"}), `metric rusmes_queue_messages: state cannot be "lost"`},
		{telemetry.Metric(depth, attrs{}), "state is missing"},
		{telemetry.Metric(depth, attrs{"state": "hold", "queue": "a"}), "queue is unknown"},
		{telemetry.Metric(registry.Metric{Name: "rusmes_queue_messages", Unit: "1", Instrument: "counter"}), "a counter in 1, want a gauge in {message}"},
		{telemetry.Metric(registry.Metric{Name: "otel.sdk.exporter.span.exported", Unit: "{span}", Instrument: "counter"},
			attrs{"otel.component.name": "a/0", "otel.component.type": "a"}), ""},
		{telemetry.Metric(registry.Metric{Name: "mail_queue_messages"}), "metric mail_queue_messages: not in the registry"},
		{telemetry.Metric(seconds, attrs{}), "the buckets are [1 2], want [0.1 0.5"},
		{telemetry.Metric(registry.Metric{Name: "rusmes_telemetry_unfollowed_sessions_total", Unit: "{session}", Instrument: "counter"}, attrs{"protocol": "jmap"}),
			`protocol cannot be "jmap" here: want one of ["smtp" "imap" "pop3"]`},
	} {
		switch {
		case tt.want == "" && tt.err != nil:
			t.Error(tt.err)
		case tt.want != "" && (tt.err == nil || !strings.Contains(tt.err.Error(), tt.want)):
			t.Errorf("%v, want %s", tt.err, tt.want)
		}
	}
}
