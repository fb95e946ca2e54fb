package otelmail_test

import (
	"crypto/tls"
	"maps"
	"strconv"
	"testing"

	"github.com/rusmes/otelmail"
	"github.com/rusmes/otelmail/mailconv"
	"github.com/rusmes/otelmail/otelmailtest"
)

// deliver makes one attempt and returns its outcome and its span's attributes.
func deliver(t *testing.T, a otelmail.Attempt, r otelmail.Reply, opts ...otelmail.StartOption) (outcome otelmail.Outcome, got map[string]string) {
	t.Helper()
	s := spanOf(t, func(tel *otelmail.Telemetry) { outcome = tel.Delivery.Attempt(t.Context(), a).End(r) }, opts...)
	return outcome, attrs(s)
}

func TestTransports(t *testing.T) {
	for _, tc := range []struct {
		transport            otelmail.Transport
		name, span, protocol string
		sent                 float64
	}{
		{otelmail.TransportSMTP, "smtp", "deliver smtp", "smtp", 1},
		{otelmail.TransportLMTP, "lmtp", "deliver lmtp", "lmtp", 1},
		{otelmail.TransportLocal, "local", "deliver local", "", 0},
		{200, "_OTHER", "deliver _OTHER", "", 0},
	} {
		rec := recorded(t)
		rec.Tel.Delivery.Attempt(t.Context(), otelmail.Attempt{Transport: tc.transport}).End(otelmail.Reply{Code: 250})
		rec.Tree(tc.span + " [client]")
		rec.Span(tc.span).Has(otelmailtest.Attributes{"email.delivery.transport": tc.name, "network.protocol.name": known(tc.protocol)})
		if tc.transport.String() != tc.name {
			t.Errorf("transport %d is %q", tc.transport, tc.transport)
		}
		rec.Has(otelmailtest.Series{"rusmes_smtp_messages_sent_total": tc.sent, "rusmes_mail_delivered_total": 1})
	}
}

// TestOutcomes: 2xx is delivered, what may pass is deferred, the rest has failed; and a
// failure has the reason that the table of docs/fault.md gives it.
func TestOutcomes(t *testing.T) {
	with := func(code int, enhanced otelmail.EnhancedCode) otelmail.Reply {
		return otelmail.Reply{Code: code, Enhanced: enhanced}
	}
	for _, tc := range []struct {
		reply          otelmail.Reply
		outcome        otelmail.Outcome
		reason, broken string
	}{
		{reply: with(200, otelmail.EnhancedCode{})},
		{reply: with(250, otelmail.EnhancedCode{2, 1, 5})},
		{with(550, otelmail.EnhancedCode{5, 0, 0}), otelmail.OutcomeFailed, "mailbox", "5.0.0"}, // subject 0 says nothing
		{with(550, otelmail.EnhancedCode{5, 1, 1}), otelmail.OutcomeFailed, "unknown_user", "5.1.1"},
		{with(452, otelmail.EnhancedCode{4, 2, 2}), otelmail.OutcomeDeferred, "mailbox_full", "4.2.2"},
		{with(451, otelmail.EnhancedCode{4, 3, 0}), otelmail.OutcomeDeferred, "system", "4.3.0"},
		{with(450, otelmail.EnhancedCode{4, 4, 1}), otelmail.OutcomeDeferred, "network", "4.4.1"},
		{with(555, otelmail.EnhancedCode{5, 5, 4}), otelmail.OutcomeFailed, "protocol", "5.5.4"},
		{with(554, otelmail.EnhancedCode{5, 6, 0}), otelmail.OutcomeFailed, "content", "5.6.0"},
		{with(550, otelmail.EnhancedCode{5, 7, 1}), otelmail.OutcomeFailed, "policy", "5.7.1"},
		{with(554, otelmail.EnhancedCode{5, 8, 1}), otelmail.OutcomeFailed, "policy", "5.8.1"},
		{with(550, otelmail.EnhancedCode{7, 7, 7}), otelmail.OutcomeFailed, "mailbox", "550"},
		{with(421, otelmail.EnhancedCode{}), otelmail.OutcomeDeferred, "system", "421"},
		{with(451, otelmail.EnhancedCode{}), otelmail.OutcomeDeferred, "system", "451"},
		{with(452, otelmail.EnhancedCode{}), otelmail.OutcomeDeferred, "system", "452"},
		{with(450, otelmail.EnhancedCode{}), otelmail.OutcomeDeferred, "mailbox", "450"},
		{with(551, otelmail.EnhancedCode{}), otelmail.OutcomeFailed, "mailbox", "551"},
		{with(553, otelmail.EnhancedCode{}), otelmail.OutcomeFailed, "address", "553"},
		{with(552, otelmail.EnhancedCode{}), otelmail.OutcomeFailed, "too_large", "552"},
		{with(500, otelmail.EnhancedCode{}), otelmail.OutcomeFailed, "protocol", "500"},
		{with(504, otelmail.EnhancedCode{}), otelmail.OutcomeFailed, "protocol", "504"},
		{with(554, otelmail.EnhancedCode{}), otelmail.OutcomeFailed, "policy", "554"},
		{with(354, otelmail.EnhancedCode{}), otelmail.OutcomeFailed, "other", "_OTHER"},
		{with(700, otelmail.EnhancedCode{}), otelmail.OutcomeFailed, "other", "_OTHER"},
		{otelmail.Reply{}, otelmail.OutcomeDeferred, "other", "_OTHER"},
		{otelmail.Reply{Cause: otelmail.CauseTimeout}, otelmail.OutcomeDeferred, "timeout", "timeout"},
		{otelmail.Reply{Cause: otelmail.CauseRefused}, otelmail.OutcomeDeferred, "network", "refused"},
		{otelmail.Reply{Cause: otelmail.CauseNoRoute}, otelmail.OutcomeDeferred, "network", "no_route"},
		{otelmail.Reply{Cause: otelmail.CauseReset}, otelmail.OutcomeDeferred, "network", "connection_reset"},
		{otelmail.Reply{Cause: otelmail.CauseEOF}, otelmail.OutcomeDeferred, "network", "eof"},
		{otelmail.Reply{Cause: otelmail.CauseTLSHandshake}, otelmail.OutcomeDeferred, "tls", "tls_handshake"},
		{otelmail.Reply{Cause: otelmail.CauseDNS}, otelmail.OutcomeDeferred, "dns", "dns"},
		{otelmail.Reply{Cause: otelmail.CauseProtocol}, otelmail.OutcomeDeferred, "protocol", "protocol"},
		{otelmail.Reply{Cause: otelmail.CauseStorage}, otelmail.OutcomeDeferred, "system", "storage"},
		{otelmail.Reply{Cause: otelmail.CauseCanceled}, otelmail.OutcomeDeferred, "system", "canceled"},
		{otelmail.Reply{Cause: otelmail.CausePanic}, otelmail.OutcomeDeferred, "system", "panic"},
		{otelmail.Reply{Code: 550, Cause: otelmail.CauseStorage}, otelmail.OutcomeFailed, "system", "550"},
	} {
		outcome, got := deliver(t, otelmail.Attempt{}, tc.reply)
		if outcome != tc.outcome || got["email.delivery.outcome"] != tc.outcome.String() {
			t.Errorf("%+v: %v, on the span %q, want %v", tc.reply, outcome, got["email.delivery.outcome"], tc.outcome)
		}
		if got["email.delivery.reason"] != tc.reason || got["error.type"] != tc.broken {
			t.Errorf("%+v: reason %q, error.type %q, want %q and %q", tc.reply, got["email.delivery.reason"], got["error.type"], tc.reason, tc.broken)
		}
	}
}

// TestEndAs: the server's own rules decide, in the series and on the span.
func TestEndAs(t *testing.T) {
	for _, tc := range []struct {
		outcome         otelmail.Outcome
		reply           otelmail.Reply
		name, errorType string
		delivered       float64
	}{
		{otelmail.OutcomeFailed, otelmail.Reply{Code: 451}, "failed", "451", 0}, // too old to be deferred again
		{otelmail.OutcomeDeferred, otelmail.Reply{Code: 550}, "deferred", "550", 0},
		{otelmail.OutcomeDelivered, otelmail.Reply{}, "delivered", "", 1}, // a queue that needs no reply
		{otelmail.OutcomeFailed, otelmail.Reply{Code: 250}, "failed", "_OTHER", 0},
		{200, otelmail.Reply{Code: 250}, "_OTHER", "_OTHER", 0},
	} {
		rec := recorded(t)
		rec.Tel.Delivery.Attempt(t.Context(), otelmail.Attempt{}).EndAs(tc.outcome, tc.reply)
		s := rec.Span("deliver smtp")
		s.Has(otelmailtest.Attributes{"email.delivery.outcome": tc.name})
		if tc.outcome.String() != tc.name {
			t.Errorf("outcome %d is %q", tc.outcome, tc.outcome)
		}
		checkFailure(t, s, tc.errorType)
		rec.Has(otelmailtest.Series{"rusmes_mail_delivered_total": tc.delivered, "rusmes_smtp_messages_sent_total": tc.delivered})
	}
}

// TestAttemptNumbers: every attempt after the first is a retry; 0 counts as the first.
func TestAttemptNumbers(t *testing.T) {
	for number, want := range map[int]int{-3: 1, 0: 1, 1: 1, 2: 2, 99: 99} {
		tel, rec := traced(t)
		tel.Delivery.Attempt(t.Context(), otelmail.Attempt{Number: number}).End(otelmail.Reply{Code: 250})
		if got := attrs(rec.Ended()[0])["email.delivery.attempt"]; got != strconv.Itoa(want) {
			t.Errorf("attempt %d shows as %s", number, got)
		}
		retries := int64(0)
		if want > 1 {
			retries = 1
		}
		checkValue(t, tel, retries, "queue_retries_total")
	}
}

// TestAttemptFacts: what is known of the destination, under each policy. A mail server's
// name and address are no secret; the domain that a person's mail goes to may be.
func TestAttemptFacts(t *testing.T) {
	for policy, domain := range map[otelmail.Privacy]string{
		otelmail.PrivacyDomain: "example.net", otelmail.PrivacyFull: "example.net", otelmail.PrivacyHash: "", otelmail.PrivacyNone: "",
	} {
		s := spanOf(t, func(tel *otelmail.Telemetry) {
			d := tel.Delivery.Attempt(t.Context(), otelmail.Attempt{Domain: "Example.NET.", Server: "MX.Example.net", TLSPolicy: mailconv.TLSDANE})
			d.Peer(tcp("192.0.2.25:25"))
			d.TLS(tls.ConnectionState{Version: tls.VersionTLS12, HandshakeComplete: true})
			d.End(otelmail.Reply{Code: 250})
		}, otelmail.WithPrivacy(policy))
		s.HasOnly(otelmailtest.Attributes{"email.delivery.transport": "smtp", "email.delivery.attempt": 1, "email.delivery.outcome": "delivered",
			"network.protocol.name": "smtp", "server.address": "mx.example.net", "email.tls.policy": "dane", "smtp.response.status_code": 250,
			"network.peer.address": "192.0.2.25", "network.peer.port": 25, "email.recipient.domain": known(domain),
			"tls.established": true, "tls.resumed": false, "tls.protocol.version": "1.2"})
	}
	for policy, want := range map[mailconv.TLSPolicy]string{0: "", mailconv.TLSNone: "none", mailconv.TLSOpportunistic: "opportunistic",
		mailconv.TLSRequired: "required", mailconv.TLSDANE: "dane", mailconv.TLSMTASTS: "mta-sts", mailconv.TLSMTASTS + 1: "", 255: ""} {
		if _, got := deliver(t, otelmail.Attempt{TLSPolicy: policy}, otelmail.Reply{Code: 250}); got["email.tls.policy"] != want {
			t.Errorf("TLS policy %d shows as %q", policy, got["email.tls.policy"])
		}
	}
	for domain, want := range map[string]string{"not a domain": "_other", "bücher.example": "xn--bcher-kva.example", "\xff": "_other"} {
		if _, got := deliver(t, otelmail.Attempt{Domain: domain, Server: domain}, otelmail.Reply{Code: 250}); got["email.recipient.domain"] != want || got["server.address"] != want {
			t.Errorf("domain %q shows as %v, want %q", domain, got, want)
		}
	}
	if _, got := deliver(t, otelmail.Attempt{}, otelmail.Reply{Code: 550, Text: "no bob here"}, otelmail.WithPrivacy(otelmail.PrivacyFull)); got["smtp.response.text"] != "no bob here" {
		t.Errorf("the reply's text is %q", got["smtp.response.text"])
	}
	if _, got := deliver(t, otelmail.Attempt{}, otelmail.Reply{Code: 550, Text: "no\r\nbob\nhere"}, otelmail.WithPrivacy(otelmail.PrivacyFull)); got["smtp.response.text"] != "no bob here" {
		t.Errorf("the text of a reply of several lines is %q", got["smtp.response.text"])
	}
}

// A message's destinations are tried each for itself: a retry is a second attempt at the
// same one.
func TestRetriesByDestination(t *testing.T) {
	tel, _ := start(t)
	m := otelmail.Message{QueueID: "q1"}
	attempt := func(destination, domain string, number int) {
		t.Helper()
		a := m.Attempt(otelmail.TransportSMTP, destination)
		if a.Domain != domain || a.Number != number || a.Message.QueueID != "q1" {
			t.Errorf("%q: domain %q, number %d, message %+v", destination, a.Domain, a.Number, a.Message)
		}
		tel.Delivery.Attempt(t.Context(), a).End(otelmail.Reply{Code: 450})
	}
	attempt("one.example", "one.example", 1)
	attempt("two.example", "two.example", 1)
	attempt("three.example", "three.example", 1)
	attempt("bob@here.example", "here.example", 1) // each mailbox is a destination
	attempt("eve@here.example", "here.example", 1)
	checkValue(t, tel, 0, "queue_retries_total")
	before := m
	attempt("Two.Example.", "Two.Example.", 2)
	attempt("bob@HERE.example", "HERE.example", 2)
	checkValue(t, tel, 2, "queue_retries_total")
	if before.Attempts["two.example"] != 1 || m.Attempts["two.example"] != 2 {
		t.Errorf("a copy has %v, the message %v", before.Attempts, m.Attempts)
	}
}

// TestRetriesOfOneMessage: three attempts are three spans, and what they counted adds up.
func TestRetriesOfOneMessage(t *testing.T) {
	tel, reader := start(t)
	var m otelmail.Message
	for _, code := range []int{450, 421, 250} {
		tel.Delivery.Attempt(t.Context(), m.Attempt(otelmail.TransportSMTP, "example.net")).End(otelmail.Reply{Code: code})
	}
	want := moves{"queue_retries_total": 2, "mail_delivered_total": 1, "smtp_messages_sent_total": 1}
	if got := promisedValues(t, reader); !maps.Equal(got, want) {
		t.Errorf("moved %v, want %v", got, want)
	}
}
