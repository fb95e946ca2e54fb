package otelmail_test

import (
	"maps"
	"testing"

	"go.opentelemetry.io/otel/trace"

	"github.com/rusmes/otelmail"
	"github.com/rusmes/otelmail/mailconv"
	"github.com/rusmes/otelmail/otelmailtest"
)

func TestPOP3Commands(t *testing.T) {
	bob := hashOf(t, "bob@example.org")
	for _, tc := range []struct {
		policy            otelmail.Privacy
		ok                bool
		cause             otelmail.Cause
		status, errorType string
		user              otelmailtest.Attributes
	}{
		{otelmail.PrivacyDomain, true, otelmail.CauseNone, "ok", "", otelmailtest.Attributes{"user.hash": bob}},
		{otelmail.PrivacyHash, true, otelmail.CauseStorage, "ok", "", otelmailtest.Attributes{"user.hash": bob}},
		{otelmail.PrivacyFull, false, otelmail.CauseNone, "err", "err", otelmailtest.Attributes{"user.hash": bob, "user.id": "bob@example.org"}},
		{otelmail.PrivacyNone, false, otelmail.CauseStorage, "err", "storage", nil},
	} {
		s := spanOf(t, func(tel *otelmail.Telemetry) {
			c := tel.POP3.Session(t.Context(), otelmail.Conn{}).Command(mailconv.POP3Retr)
			c.Note(otelmail.POP3Facts{User: "bob@example.org"})
			c.End(otelmail.POP3Reply{OK: tc.ok, Cause: tc.cause})
		}, otelmail.WithPrivacy(tc.policy))
		want := otelmailtest.Attributes{"pop3.command": "RETR", "pop3.response.status": tc.status, "error.type": known(tc.errorType)}
		maps.Copy(want, tc.user)
		checkName(t, s, "POP3 RETR", trace.SpanKindServer)
		s.HasOnly(want)
		checkFailure(t, s, tc.errorType)
	}
}

// TestPOP3Session: one span from beginning to end, the parent of its commands.
func TestPOP3Session(t *testing.T) {
	rec := recorded(t)
	s := rec.Tel.POP3.Session(t.Context(), otelmail.Conn{Remote: tcp("203.0.113.77:4711"), Local: tcp("192.0.2.1:110")})
	checkValue(t, rec.Tel, 1, "active_connections", "pop3")
	s.Command(mailconv.POP3Stat).End(otelmail.POP3Reply{OK: true})
	s.End(otelmail.CauseEOF)
	s.End(otelmail.CauseEOF)
	checkValue(t, rec.Tel, 0, "active_connections", "pop3")
	rec.Tree(`
		POP3 session [internal, error eof]
		  POP3 STAT`)
	rec.Span("POP3 session").HasOnly(otelmailtest.Attributes{"network.protocol.name": "pop3", "network.transport": "tcp", "client.address": "203.0.113.0",
		"network.peer.address": "203.0.113.0", "server.address": "192.0.2.1", "server.port": 110, "error.type": "eof"})
}

// POP3 has no series of its own: a login that fails moves nothing that a dashboard shows.
func TestPOP3HasNoSeries(t *testing.T) {
	tel, reader := start(t)
	s := tel.POP3.Session(t.Context(), otelmail.Conn{})
	before := promisedValues(t, reader)
	for v := range mailconv.POP3Verb(18) {
		s.Command(v).End(otelmail.POP3Reply{})
	}
	if got := promisedValues(t, reader); !maps.Equal(got, before) {
		t.Errorf("commands moved %v to %v", before, got)
	}
}
