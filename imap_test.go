package otelmail_test

import (
	"crypto/tls"
	"maps"
	"strings"
	"testing"

	"github.com/rusmes/otelmail"
	"github.com/rusmes/otelmail/mailconv"
	"github.com/rusmes/otelmail/otelmailtest"
)

func TestIMAPCodeIsTheErrorType(t *testing.T) {
	for code, want := range map[string]string{
		"AUTHENTICATIONFAILED": "AUTHENTICATIONFAILED",
		"overquota":            "OVERQUOTA",
		"BADCHARSET (UTF-8)":   "BADCHARSET",
		"":                     "no",
		" ":                    "no",
		"bob@example.org":      "no",
		"AUTHENTICATIONFAILED-and-much-more-behind-it": "no",
	} {
		spanOf(t, func(tel *otelmail.Telemetry) {
			tel.IMAP.Session(t.Context(), otelmail.Conn{}).Command(mailconv.IMAPLogin).End(otelmail.IMAPReply{Result: otelmail.IMAPNo, Code: code})
		}).Has(otelmailtest.Attributes{"error.type": want})
	}
	spanOf(t, func(tel *otelmail.Telemetry) {
		tel.IMAP.Session(t.Context(), otelmail.Conn{}).Command(mailconv.IMAPLogin).End(otelmail.IMAPReply{Result: otelmail.IMAPOK, Code: "ALERT"})
	}).Has(otelmailtest.Attributes{"error.type": nil})
}

// TestIMAPFactsLearnedLater: what is noted twice is what was said last.
func TestIMAPFactsLearnedLater(t *testing.T) {
	spanOf(t, func(tel *otelmail.Telemetry) {
		cmd := tel.IMAP.Session(t.Context(), otelmail.Conn{}).Command(mailconv.IMAPSelect)
		cmd.Note(otelmail.IMAPFacts{Mailbox: "INBOX", State: mailconv.IMAPSelected})
		cmd.Note(otelmail.IMAPFacts{Mailbox: "Sent"})
		cmd.End(otelmail.IMAPReply{Result: otelmail.IMAPOK})
	}).Has(otelmailtest.Attributes{"imap.command": "SELECT", "imap.mailbox": "Sent", "imap.state": "selected"})
}

// An IMAP session has no span: what is known of TLS is on its commands.
func TestIMAPCommandsShowTLS(t *testing.T) {
	state := tls.ConnectionState{Version: tls.VersionTLS13, HandshakeComplete: true}
	for _, conn := range []otelmail.Conn{{}, {TLS: &tls.ConnectionState{}}} { // an upgrade, and a handshake
		spanOf(t, func(tel *otelmail.Telemetry) {
			s := tel.IMAP.Session(t.Context(), conn)
			s.TLS(state)
			s.Command(mailconv.IMAPNoop).End(otelmail.IMAPReply{Result: otelmail.IMAPOK})
			s.End(otelmail.CauseNone)
		}).Has(otelmailtest.Attributes{"tls.protocol.version": "1.3", "tls.established": true})
	}
}

// TestIMAPResults: each result counts, and is the error.type where no cause or code is.
func TestIMAPResults(t *testing.T) {
	for _, tc := range []struct {
		result            otelmail.IMAPResult
		cause             otelmail.Cause
		status, errorType string
	}{
		{otelmail.IMAPOK, otelmail.CauseNone, "ok", ""},
		{otelmail.IMAPOK, otelmail.CauseTimeout, "ok", ""},
		{otelmail.IMAPNo, otelmail.CauseNone, "no", "no"},
		{otelmail.IMAPNo, otelmail.CauseStorage, "no", "storage"},
		{otelmail.IMAPBad, otelmail.CauseNone, "bad", "bad"},
		{otelmail.IMAPBroken, otelmail.CauseNone, "broken", "broken"},
		{otelmail.IMAPBroken, otelmail.CauseReset, "broken", "connection_reset"},
		{200, otelmail.CauseNone, "_OTHER", "_OTHER"},
	} {
		rec := recorded(t)
		otelmail.BeginIMAPCommand(t.Context(), rec.Tel, mailconv.IMAPFetch).End(otelmail.IMAPReply{Result: tc.result, Cause: tc.cause})
		s := rec.Span("IMAP FETCH")
		s.Has(otelmailtest.Attributes{"imap.response.status": tc.status})
		if tc.result.String() != tc.status {
			t.Errorf("%d is %q, want %q", tc.result, tc.result, tc.status)
		}
		checkFailure(t, s, tc.errorType)
		want := otelmailtest.Series{"rusmes_imap_commands_total": 1, "rusmes_imap_errors_total": 1}
		if tc.errorType == "" {
			want["rusmes_imap_errors_total"] = 0
		}
		rec.Has(want)
	}
}

// TestIMAPCodes: every response code of RFC 9051, 5464, 7889 and 7162 that a NO or BAD
// may carry.
func TestIMAPCodes(t *testing.T) {
	tel, rec := traced(t)
	for code := range strings.FieldsSeq(`ALERT ALREADYEXISTS AUTHENTICATIONFAILED AUTHORIZATIONFAILED BADCHARSET CANNOT
		CLIENTBUG CONTACTADMIN CORRUPTION EXPIRED EXPUNGEISSUED HASCHILDREN INUSE LIMIT METADATA MODIFIED NONEXISTENT NOPERM
		NOPRIVATE NOTSAVED OVERQUOTA PARSE PRIVACYREQUIRED SERVERBUG TOOBIG TOOMANY TRYCREATE UIDNOTSTICKY UNAVAILABLE UNKNOWN-CTE`) {
		for _, spelled := range []string{code, strings.ToLower(code), code + " of bob@example.org"} {
			for _, result := range []otelmail.IMAPResult{otelmail.IMAPNo, otelmail.IMAPBad} {
				otelmail.BeginIMAPCommand(t.Context(), tel, mailconv.IMAPStore).End(otelmail.IMAPReply{Result: result, Code: spelled})
				checkFailure(t, rec.Ended()[0], code)
				rec.Reset()
			}
		}
	}
}

// TestIMAPFactsUnderEachPolicy: mailboxes that everybody has are clear by default.
func TestIMAPFactsUnderEachPolicy(t *testing.T) {
	bob := hashOf(t, "bob@example.org")
	for _, tc := range []struct {
		policy  otelmail.Privacy
		mailbox string
		want    otelmailtest.Attributes
	}{
		{otelmail.PrivacyDomain, "Inbox", otelmailtest.Attributes{"user.hash": bob, "imap.mailbox": "Inbox"}},
		{otelmail.PrivacyDomain, "JUNK", otelmailtest.Attributes{"user.hash": bob, "imap.mailbox": "JUNK"}},
		{otelmail.PrivacyDomain, "Divorce", otelmailtest.Attributes{"user.hash": bob, "imap.mailbox": hashOfText(t, "Divorce")}},
		{otelmail.PrivacyHash, "INBOX", otelmailtest.Attributes{"user.hash": bob, "imap.mailbox": hashOfText(t, "INBOX")}},
		{otelmail.PrivacyHash, "Divorce", otelmailtest.Attributes{"user.hash": bob, "imap.mailbox": hashOfText(t, "Divorce")}},
		{otelmail.PrivacyFull, "Divorce", otelmailtest.Attributes{"user.hash": bob, "user.id": "bob@example.org", "imap.mailbox": "Divorce"}},
		{otelmail.PrivacyFull, "Div\x00orce\xff", otelmailtest.Attributes{"user.hash": bob, "user.id": "bob@example.org", "imap.mailbox": "Div\uFFFDorce\uFFFD"}},
		{otelmail.PrivacyNone, "INBOX", nil},
		{otelmail.PrivacyDomain, "", otelmailtest.Attributes{"user.hash": bob}},
	} {
		s := spanOf(t, func(tel *otelmail.Telemetry) {
			noted(otelmail.BeginIMAPCommand(t.Context(), tel, mailconv.IMAPSelect), otelmail.IMAPFacts{User: "bob@example.org", Mailbox: tc.mailbox, State: mailconv.IMAPAuthenticated}).
				End(otelmail.IMAPReply{Result: otelmail.IMAPOK})
		}, otelmail.WithPrivacy(tc.policy))
		want := otelmailtest.Attributes{"imap.command": "SELECT", "imap.response.status": "ok", "imap.state": "authenticated",
			"network.protocol.name": "imap", "network.transport": "tcp"}
		maps.Copy(want, tc.want)
		s.HasOnly(want)
	}
	for _, name := range []string{"sent", "drafts", "trash", "spam", "archive", "outbox"} {
		spanOf(t, func(tel *otelmail.Telemetry) {
			noted(otelmail.BeginIMAPCommand(t.Context(), tel, mailconv.IMAPSelect), otelmail.IMAPFacts{Mailbox: name}).End(otelmail.IMAPReply{Result: otelmail.IMAPOK})
		}).Has(otelmailtest.Attributes{"imap.mailbox": name})
	}
}

// TestIMAPSession: no span covers it; its commands are children of what its context holds
// and carry the connection. A broken one is an error, once.
func TestIMAPSession(t *testing.T) {
	rec := recorded(t)
	tel := rec.Tel
	_, outer := tel.Queue.Enqueue(t.Context(), otelmail.MessageFacts{})
	s := tel.IMAP.Session(outer.Context(), otelmail.Conn{Remote: tcp("[2001:db8:1:2::3]:4711"), Local: tcp("192.0.2.1:993"),
		TLS: &tls.ConnectionState{Version: tls.VersionTLS12, HandshakeComplete: true, DidResume: true, CipherSuite: tls.TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256}})
	noted(s.Command(mailconv.IMAPNoop), otelmail.IMAPFacts{State: mailconv.IMAPNotAuthenticated}).End(otelmail.IMAPReply{Result: otelmail.IMAPOK})
	checkValue(t, tel, 1, "active_connections", "imap")
	s.End(otelmail.CauseReset)
	s.End(otelmail.CauseReset)
	if !s.Span().SpanContext().Equal(outer.Span().SpanContext()) {
		t.Errorf("the session has the span %v", s.Span().SpanContext())
	}
	outer.End(otelmail.CauseNone)
	rec.Tree(`
		queue enqueue
		  IMAP NOOP`)
	rec.Span("IMAP NOOP").HasOnly(otelmailtest.Attributes{"imap.command": "NOOP", "imap.response.status": "ok", "imap.state": "not_authenticated",
		"network.protocol.name": "imap", "network.transport": "tcp", "client.address": "2001:db8:1::", "network.peer.address": "2001:db8:1::",
		"server.address": "192.0.2.1", "server.port": 993, "tls.established": true, "tls.resumed": true,
		"tls.protocol.version": "1.2", "tls.cipher": "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256"})
	rec.Has(otelmailtest.Series{`rusmes_active_connections{protocol="imap"}`: 0, "rusmes_imap_errors_total": 1, `rusmes_tls_sessions_total{tls="yes"}`: 1})
	//nolint:staticcheck // a nil context is the mistake under test
	if tel.IMAP.Session(nil, otelmail.Conn{}).Context() == nil {
		t.Error("a session has no context")
	}
}
