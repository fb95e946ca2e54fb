package otelmail_test

import (
	"testing"

	"github.com/rusmes/otelmail"
	"github.com/rusmes/otelmail/mailconv"
	"github.com/rusmes/otelmail/otelmailtest"
)

func TestReply(t *testing.T) {
	for _, tc := range []struct {
		reply                                otelmail.Reply
		accepted, refused, temporary, failed bool
	}{
		{reply: otelmail.Reply{Code: 200}, accepted: true},
		{reply: otelmail.Reply{Code: 299}, accepted: true},
		{reply: otelmail.Reply{Code: 250, Cause: otelmail.CauseStorage}, temporary: true, failed: true},
		{reply: otelmail.Reply{Code: 354}},
		{reply: otelmail.Reply{Code: 399}},
		{reply: otelmail.Reply{Code: 400}, refused: true, temporary: true, failed: true},
		{reply: otelmail.Reply{Code: 499}, refused: true, temporary: true, failed: true},
		{reply: otelmail.Reply{Code: 500}, refused: true, failed: true},
		{reply: otelmail.Reply{Code: 599}, refused: true, failed: true},
		{reply: otelmail.Reply{Code: 600}, failed: true},
		{reply: otelmail.Reply{Code: 199}, temporary: true, failed: true},
		{reply: otelmail.Reply{Code: -1}, temporary: true, failed: true},
		{reply: otelmail.Reply{}, temporary: true, failed: true},
		{reply: otelmail.Reply{Cause: otelmail.CauseTimeout}, temporary: true, failed: true},
	} {
		r := tc.reply
		if r.Accepted() != tc.accepted || r.Refused() != tc.refused || r.Temporary() != tc.temporary || r.Failed() != tc.failed {
			t.Errorf("%+v: accepted %t, refused %t, temporary %t, failed %t, want %+v", r,
				r.Accepted(), r.Refused(), r.Temporary(), r.Failed(), tc)
		}
	}
}

func TestEnhancedCode(t *testing.T) {
	for code, want := range map[otelmail.EnhancedCode]string{
		{}: "", {2, 0, 0}: "2.0.0", {4, 0, 0}: "4.0.0", {5, 0, 0}: "5.0.0", {2, 1, 5}: "2.1.5", {5, 7, 999}: "5.7.999", {4, 999, 0}: "4.999.0",
		{1, 0, 0}: "", {3, 0, 0}: "", {6, 1, 1}: "", {-5, 1, 1}: "", {5, -1, 0}: "", {5, 0, -1}: "", {5, 1000, 1}: "", {5, 1, 1000}: "",
	} {
		if got := code.String(); got != want {
			t.Errorf("%v is %q, want %q", [3]int(code), got, want)
		}
	}
}

// TestRepliesOnSpans: docs/spans.md says what error.type is: the enhanced code, else the
// code, else what broke.
func TestRepliesOnSpans(t *testing.T) {
	for _, tc := range []struct {
		reply               otelmail.Reply
		code                any
		enhanced, errorType string
	}{
		{otelmail.Reply{Code: 250}, 250, "", ""},
		{otelmail.Reply{Code: 250, Enhanced: otelmail.EnhancedCode{2, 1, 5}}, 250, "2.1.5", ""},
		{otelmail.Reply{Code: 354}, 354, "", ""},
		{otelmail.Reply{Code: 550, Enhanced: otelmail.EnhancedCode{5, 1, 1}}, 550, "5.1.1", "5.1.1"},
		{otelmail.Reply{Code: 450}, 450, "", "450"},
		{otelmail.Reply{Code: 550, Enhanced: otelmail.EnhancedCode{9, 9, 9}}, 550, "", "550"},
		// A success's code beside a refusal says nothing about the refusal.
		{otelmail.Reply{Code: 550, Enhanced: otelmail.EnhancedCode{2, 0, 0}}, 550, "2.0.0", "550"},
		{otelmail.Reply{Code: 451, Cause: otelmail.CauseStorage}, 451, "", "451"},
		// Our own fault comes first: the reply hides it.
		{otelmail.Reply{Code: 421, Enhanced: otelmail.EnhancedCode{4, 0, 0}, Cause: otelmail.CausePanic}, 421, "4.0.0", "panic"},
		{otelmail.Reply{Cause: otelmail.CauseReset}, nil, "", "connection_reset"},
		{otelmail.Reply{Code: 250, Cause: otelmail.CauseStorage}, 250, "", "storage"},
		{otelmail.Reply{}, nil, "", "_OTHER"},
		{otelmail.Reply{Code: 999}, nil, "", "_OTHER"},
		{otelmail.Reply{Code: 99, Cause: otelmail.Cause(99)}, nil, "", "_OTHER"},
	} {
		s := spanOf(t, func(tel *otelmail.Telemetry) {
			otelmail.BeginSMTPCommand(t.Context(), tel, mailconv.SMTPRcpt).End(tc.reply)
		})
		s.HasOnly(otelmailtest.Attributes{"smtp.command": "RCPT", "smtp.response.status_code": tc.code,
			"smtp.response.enhanced_code": known(tc.enhanced), "error.type": known(tc.errorType)})
		checkFailure(t, s, tc.errorType)
	}
}

// TestCausesAreErrorTypes: the closed set of docs/spans.md, to the letter.
func TestCausesAreErrorTypes(t *testing.T) {
	for cause, want := range map[otelmail.Cause]string{
		otelmail.CauseNone: "", otelmail.CauseTimeout: "timeout", otelmail.CauseRefused: "refused", otelmail.CauseNoRoute: "no_route",
		otelmail.CauseReset: "connection_reset", otelmail.CauseEOF: "eof", otelmail.CauseTLSHandshake: "tls_handshake",
		otelmail.CauseDNS: "dns", otelmail.CauseCanceled: "canceled", otelmail.CauseProtocol: "protocol",
		otelmail.CauseStorage: "storage", otelmail.CausePanic: "panic", otelmail.CauseOther: "_OTHER", 255: "_OTHER",
	} {
		if got := cause.String(); got != want {
			t.Errorf("cause %d is %q, want %q", uint8(cause), got, want)
		}
		spans := spansOf(t, func(tel *otelmail.Telemetry) {
			tel.SMTP.Session(t.Context(), otelmail.RoleMX, otelmail.Conn{}).End(cause)
			tel.POP3.Session(t.Context(), otelmail.Conn{}).End(cause)
			enqueue(t.Context(), tel, otelmail.MessageFacts{}, cause)
			tel.Queue.Dequeue(t.Context(), otelmail.Message{}, otelmail.MessageFacts{}).End(cause)
			tel.Mail.Process(t.Context(), otelmail.MessageFacts{}).End(otelmail.FateDeferred, cause)
		})
		for _, s := range spans {
			checkFailure(t, s, want)
		}
	}
}
