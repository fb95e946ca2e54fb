package otelmail_test

import (
	"maps"
	"strings"
	"testing"

	"go.opentelemetry.io/otel/trace"

	"github.com/rusmes/otelmail"
	"github.com/rusmes/otelmail/mailconv"
	"github.com/rusmes/otelmail/otelmailtest"
)

// TestSMTPFactsUnderEachPolicy notes everything that a command can carry.
func TestSMTPFactsUnderEachPolicy(t *testing.T) {
	bob, eve := hashOf(t, "bob@example.org"), hashOf(t, "eve@example.net")
	always := otelmailtest.Attributes{"messaging.message.id": "q1", "smtp.command": "MAIL", "smtp.response.status_code": 250, "smtp.auth.mechanism": "PLAIN"}
	hashes := otelmailtest.Attributes{"user.hash": bob, "email.from.hash": bob, "email.to.hash": eve}
	domains := otelmailtest.Attributes{"email.from.domain": "example.org", "email.to.domain": "example.net"}
	inClear := otelmailtest.Attributes{"user.id": "Bob@Example.org", "email.from.address": "Bob@Example.org", "email.to.address": "<eve@EXAMPLE.net>",
		"smtp.helo": "laptop.example", "smtp.response.text": "ok, Bob"}
	for policy, more := range map[otelmail.Privacy][]otelmailtest.Attributes{
		otelmail.PrivacyDomain: {hashes, domains},
		otelmail.PrivacyHash:   {hashes},
		otelmail.PrivacyFull:   {hashes, domains, inClear},
		otelmail.PrivacyNone:   {},
	} {
		t.Run(policy.String(), func(t *testing.T) {
			s := spanOf(t, func(tel *otelmail.Telemetry) {
				c := otelmail.BeginSMTPCommand(t.Context(), tel, mailconv.SMTPMail)
				c.Note(otelmail.SMTPFacts{Helo: "laptop.example", User: "Bob@Example.org", Mechanism: "plain", From: "Bob@Example.org", To: "<eve@EXAMPLE.net>", QueueID: "q1"})
				c.End(otelmail.Reply{Code: 250, Text: "ok, Bob"})
			}, otelmail.WithPrivacy(policy))
			want := maps.Clone(always)
			for _, m := range more {
				maps.Copy(want, m)
			}
			s.HasOnly(want)
		})
	}
}

// TestSMTPFactsThatAreNone: nothing is noted of an empty text; null reverse-paths are common.
func TestSMTPFactsThatAreNone(t *testing.T) {
	for _, policy := range policies {
		s := spanOf(t, func(tel *otelmail.Telemetry) {
			c := otelmail.BeginSMTPCommand(t.Context(), tel, mailconv.SMTPMail)
			c.Note(otelmail.SMTPFacts{Helo: "", User: "", From: "", To: "", QueueID: ""})
			c.End(otelmail.Reply{Code: 250})
		}, otelmail.WithPrivacy(policy))
		s.HasOnly(otelmailtest.Attributes{"smtp.command": "MAIL", "smtp.response.status_code": 250})
	}
}

// TestSMTPTextsAreBounded: RFC 5321 and RFC 1035 say how long a text may be.
func TestSMTPTextsAreBounded(t *testing.T) {
	s := spanOf(t, func(tel *otelmail.Telemetry) {
		c := otelmail.BeginSMTPCommand(t.Context(), tel, mailconv.SMTPEhlo)
		c.Note(otelmail.SMTPFacts{Helo: strings.Repeat("h", 1<<16), User: strings.Repeat("u", 1<<16)})
		c.End(otelmail.Reply{Code: 550, Text: strings.Repeat("t", 1<<16)})
	}, otelmail.WithPrivacy(otelmail.PrivacyFull))
	for key, most := range map[string]int{"smtp.helo": 255, "user.id": 320, "smtp.response.text": 512} {
		if got := len(attrs(s)[key]); got == 0 || got > most {
			t.Errorf("%s has %d bytes, want at most %d", key, got, most)
		}
	}
}

func TestSASLMechanisms(t *testing.T) {
	for name, want := range map[string]string{
		"PLAIN": "PLAIN", "login": "LOGIN", "Anonymous": "ANONYMOUS", "EXTERNAL": "EXTERNAL", "cram-md5": "CRAM-MD5", "DIGEST-MD5": "DIGEST-MD5",
		"gssapi": "GSSAPI", "NTLM": "NTLM", "xoauth2": "XOAUTH2", "OAUTHBEARER": "OAUTHBEARER", "SCRAM-SHA-1": "SCRAM-SHA-1",
		"scram-sha-1-plus": "SCRAM-SHA-1-PLUS", "SCRAM-SHA-256": "SCRAM-SHA-256", "SCRAM-SHA-256-PLUS": "SCRAM-SHA-256-PLUS",
		"": "", "PLAIN ": "_OTHER", "bob@example.org": "_OTHER", "\xff": "_OTHER", "SCRAM-SHA-999": "_OTHER",
	} {
		spanOf(t, func(tel *otelmail.Telemetry) {
			c := otelmail.BeginSMTPCommand(t.Context(), tel, mailconv.SMTPAuth)
			c.Note(otelmail.SMTPFacts{Mechanism: name})
			c.End(otelmail.Reply{Code: 235})
		}).Has(otelmailtest.Attributes{"smtp.auth.mechanism": known(want)})
	}
}

// TestSMTPEnds: what each way to end a command counts, and what its span says.
func TestSMTPEnds(t *testing.T) {
	ok, later, never := otelmail.Reply{Code: 250}, otelmail.Reply{Code: 452}, otelmail.Reply{Code: 554, Enhanced: otelmail.EnhancedCode{5, 6, 0}}
	broken := otelmail.Reply{Cause: otelmail.CauseEOF}
	each := func(replies ...otelmail.Reply) func(otelmail.SMTPCommand) {
		var all []otelmail.RecipientReply
		for i, r := range replies {
			all = append(all, otelmail.RecipientReply{Recipient: string(rune('a'+i)) + "@one.example", Reply: r})
		}
		return func(c otelmail.SMTPCommand) { c.EndEach(all...) }
	}
	for _, tc := range []struct {
		name                       string
		end                        func(otelmail.SMTPCommand)
		received, rejected, errors float64
		domain                     float64
		code, recipients           any
		errorType                  string
	}{
		{"End, accepted", func(c otelmail.SMTPCommand) { c.End(ok) }, 1, 0, 0, 0, 250, nil, ""},
		{"End, 4xx", func(c otelmail.SMTPCommand) { c.End(later) }, 0, 1, 1, 0, 452, nil, "452"},
		{"End, 5xx", func(c otelmail.SMTPCommand) { c.End(never) }, 0, 1, 1, 0, 554, nil, "5.6.0"},
		{"End, go on", func(c otelmail.SMTPCommand) { c.End(otelmail.Reply{Code: 354}) }, 0, 0, 0, 0, 354, nil, ""},
		{"End, broken", func(c otelmail.SMTPCommand) { c.End(broken) }, 0, 0, 1, 0, nil, nil, "eof"},
		{"EndMessage, accepted", func(c otelmail.SMTPCommand) { c.EndMessage(ok, "a@one.example", "b@One.Example") }, 1, 0, 0, 1, 250, 2, ""},
		{"EndMessage for nobody", func(c otelmail.SMTPCommand) { c.EndMessage(ok) }, 1, 0, 0, 0, 250, 0, ""},
		{"EndMessage, refused", func(c otelmail.SMTPCommand) { c.EndMessage(never, "a@one.example") }, 0, 1, 1, 0, 554, 1, "5.6.0"},
		{"EndMessage, broken", func(c otelmail.SMTPCommand) { c.EndMessage(broken, "a@one.example") }, 0, 0, 1, 0, nil, 1, "eof"},
		{"EndEach, all accepted", each(ok, ok, ok), 1, 0, 0, 1, 250, 3, ""},
		{"EndEach, one of three", each(later, ok, never), 1, 0, 2, 1, 554, 1, "5.6.0"},
		{"EndEach, all refused", each(later, never), 0, 1, 2, 0, 554, 0, "5.6.0"},
		{"EndEach, broken", each(broken), 0, 0, 1, 0, nil, 0, "eof"},
		{"EndEach, refused and broken", each(never, broken), 0, 0, 2, 0, nil, 0, "eof"},
		{"EndEach for nobody", each(), 0, 0, 0, 0, 250, 0, ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			rec := recorded(t)
			tc.end(otelmail.BeginSMTPCommand(t.Context(), rec.Tel, mailconv.SMTPBdat))
			rec.Has(otelmailtest.Series{"rusmes_smtp_messages_received_total": tc.received, "rusmes_smtp_messages_rejected_total": tc.rejected,
				"rusmes_smtp_errors_total": tc.errors, `rusmes_messages_per_domain_total{domain="one.example"}`: tc.domain})
			s := rec.Span("SMTP BDAT")
			s.Has(otelmailtest.Attributes{"smtp.response.status_code": tc.code, "smtp.recipient.count": tc.recipients})
			checkFailure(t, s, tc.errorType)
		})
	}
}

// TestOnlyAUTHAndMessagesCountMore: every verb's failure is an error, and nothing else
// unless it is AUTH or ends a message.
func TestOnlyAUTHAndMessagesCountMore(t *testing.T) {
	tel, reader := start(t)
	for v := range mailconv.SMTPVerb(20) {
		switch v {
		case mailconv.SMTPAuth, mailconv.SMTPData, mailconv.SMTPBdat:
		default:
			otelmail.BeginSMTPCommand(t.Context(), tel, v).End(otelmail.Reply{Code: 250})
			otelmail.BeginSMTPCommand(t.Context(), tel, v).End(otelmail.Reply{Code: 550})
		}
	}
	if got, want := promisedValues(t, reader), (moves{"smtp_errors_total": 17}); !maps.Equal(got, want) {
		t.Errorf("moved %v, want %v", got, want)
	}
	for _, r := range []otelmail.Reply{{Code: 334}, {Cause: otelmail.CauseEOF}, {Code: 454}} {
		otelmail.BeginSMTPCommand(t.Context(), tel, mailconv.SMTPAuth).End(r)
	}
	checkValue(t, tel, 2, "smtp_auth_failure_total") // a challenge is neither
	checkValue(t, tel, 0, "smtp_auth_success_total")
}

func TestSMTPRoles(t *testing.T) {
	for role, want := range map[otelmail.SMTPRole][2]string{
		otelmail.RoleMX: {"mx", "smtp"}, otelmail.RoleSubmission: {"submission", "smtp"}, otelmail.RoleLMTP: {"lmtp", "lmtp"}, 200: {"_OTHER", "smtp"},
	} {
		if role.String() != want[0] {
			t.Errorf("role %d is %q", role, role)
		}
		s := spanOf(t, func(tel *otelmail.Telemetry) {
			tel.SMTP.Session(t.Context(), role, otelmail.Conn{}).End(otelmail.CauseNone)
		})
		checkName(t, s, "SMTP session", trace.SpanKindInternal)
		s.HasOnly(otelmailtest.Attributes{"smtp.role": want[0], "network.protocol.name": want[1], "network.transport": "tcp"})
	}
}

// TestSMTPParents: commands are the session's children, whichever way they began, and
// what is done in a command's context is the command's child.
func TestSMTPParents(t *testing.T) {
	rec := recorded(t)
	session := rec.Tel.SMTP.Session(t.Context(), otelmail.RoleMX, otelmail.Conn{})
	session.Command(mailconv.SMTPEhlo).End(otelmail.Reply{Code: 250})
	otelmail.BeginSMTPCommand(session.Context(), rec.Tel, mailconv.SMTPMail).End(otelmail.Reply{Code: 250})
	session.End(otelmail.CauseNone)
	rec.Tree(`
		SMTP session
		  SMTP EHLO
		  SMTP MAIL`)
	if rec.Span("SMTP session").Parent().IsValid() {
		t.Error("the session has a parent although the context held none")
	}
}

// A refusal that nobody defined is not a blocked address.
func TestRefusals(t *testing.T) {
	tel, reader := start(t)
	tel.SMTP.Refuse(otelmail.RoleMX, otelmail.RefusedBlocked)
	tel.SMTP.Refuse(otelmail.RoleMX, otelmail.RefusedOverload)
	tel.SMTP.Refuse(otelmail.RoleMX, otelmail.Refusal(77))
	want := moves{"smtp_connections_rejected_blocked_total": 1, "smtp_connections_rejected_overload_total": 2}
	if got := promisedValues(t, reader); !maps.Equal(got, want) {
		t.Errorf("moved %v, want %v", got, want)
	}
}
