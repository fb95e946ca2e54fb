package otelmail_test

import (
	"crypto/tls"
	"maps"
	"strings"
	"testing"

	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"

	"github.com/rusmes/otelmail"
	"github.com/rusmes/otelmail/mailconv"
)

// imapSpan records one command and returns its span's name and attributes.
func imapSpan(t *testing.T, command func(*otelmail.IMAP)) (string, map[string]string) {
	t.Helper()
	spans := tracetest.NewSpanRecorder()
	tel, err := otelmail.New(otelmail.WithTracerProvider(sdktrace.NewTracerProvider(sdktrace.WithSpanProcessor(spans))))
	if err != nil {
		t.Fatal(err)
	}
	command(tel.IMAP)
	ended := spans.Ended()
	if len(ended) != 1 {
		t.Fatalf("%d spans, want 1", len(ended))
	}
	attrs := map[string]string{}
	for _, kv := range ended[0].Attributes() {
		attrs[string(kv.Key)] = kv.Value.String()
	}
	return ended[0].Name(), attrs
}

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
		_, attrs := imapSpan(t, func(i *otelmail.IMAP) {
			i.Session(t.Context(), otelmail.Conn{}).Command(mailconv.IMAPLogin).End(otelmail.IMAPReply{Result: otelmail.IMAPNo, Code: code})
		})
		if attrs["error.type"] != want {
			t.Errorf("code %q: error.type %q, want %q", code, attrs["error.type"], want)
		}
	}
	_, attrs := imapSpan(t, func(i *otelmail.IMAP) {
		i.Session(t.Context(), otelmail.Conn{}).Command(mailconv.IMAPLogin).End(otelmail.IMAPReply{Result: otelmail.IMAPOK, Code: "ALERT"})
	})
	if e, ok := attrs["error.type"]; ok {
		t.Errorf("error.type %q on a success", e)
	}
}

// TestIMAPFactsLearnedLater: what is noted twice is what was said last.
func TestIMAPFactsLearnedLater(t *testing.T) {
	_, attrs := imapSpan(t, func(i *otelmail.IMAP) {
		cmd := i.Session(t.Context(), otelmail.Conn{}).Command(mailconv.IMAPSelect)
		cmd.Note(otelmail.IMAPFacts{Mailbox: "INBOX", State: mailconv.IMAPSelected})
		cmd.Note(otelmail.IMAPFacts{Mailbox: "Sent"})
		cmd.End(otelmail.IMAPReply{Result: otelmail.IMAPOK})
	})
	if attrs["imap.command"] != "SELECT" || attrs["imap.mailbox"] != "Sent" || attrs["imap.state"] != "selected" {
		t.Errorf("the span has %v", attrs)
	}
}

// An IMAP session has no span: what is known of TLS is on its commands.
func TestIMAPCommandsShowTLS(t *testing.T) {
	state := tls.ConnectionState{Version: tls.VersionTLS13, HandshakeComplete: true}
	for name, conn := range map[string]otelmail.Conn{"upgrade": {}, "handshake": {TLS: &tls.ConnectionState{}}} {
		_, attrs := imapSpan(t, func(i *otelmail.IMAP) {
			s := i.Session(t.Context(), conn)
			s.TLS(state)
			s.Command(mailconv.IMAPNoop).End(otelmail.IMAPReply{Result: otelmail.IMAPOK})
			s.End(otelmail.CauseNone)
		})
		if attrs["tls.protocol.version"] != "1.3" || attrs["tls.established"] != "true" {
			t.Errorf("%s: %v", name, attrs)
		}
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
		tel, rec := traced(t)
		otelmail.BeginIMAPCommand(t.Context(), tel, mailconv.IMAPFetch).End(otelmail.IMAPReply{Result: tc.result, Cause: tc.cause})
		s := rec.Ended()[0]
		if got := attrs(s)["imap.response.status"]; got != tc.status || tc.result.String() != tc.status {
			t.Errorf("%v shows as %q, want %q", tc.result, got, tc.status)
		}
		checkFailure(t, s, tc.errorType)
		checkValue(t, tel, 1, "imap_commands_total")
		errors := int64(1)
		if tc.errorType == "" {
			errors = 0
		}
		checkValue(t, tel, errors, "imap_errors_total")
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
		want    map[string]string
	}{
		{otelmail.PrivacyDomain, "Inbox", map[string]string{"user.hash": bob, "imap.mailbox": "Inbox"}},
		{otelmail.PrivacyDomain, "JUNK", map[string]string{"user.hash": bob, "imap.mailbox": "JUNK"}},
		{otelmail.PrivacyDomain, "Divorce", map[string]string{"user.hash": bob, "imap.mailbox": hashOfText(t, "Divorce")}},
		{otelmail.PrivacyHash, "INBOX", map[string]string{"user.hash": bob, "imap.mailbox": hashOfText(t, "INBOX")}},
		{otelmail.PrivacyHash, "Divorce", map[string]string{"user.hash": bob, "imap.mailbox": hashOfText(t, "Divorce")}},
		{otelmail.PrivacyFull, "Divorce", map[string]string{"user.hash": bob, "user.id": "bob@example.org", "imap.mailbox": "Divorce"}},
		{otelmail.PrivacyFull, "Div\x00orce\xff", map[string]string{"user.hash": bob, "user.id": "bob@example.org", "imap.mailbox": "Div\uFFFDorce\uFFFD"}},
		{otelmail.PrivacyNone, "INBOX", nil},
		{otelmail.PrivacyDomain, "", map[string]string{"user.hash": bob}},
	} {
		s := spanOf(t, func(tel *otelmail.Telemetry) {
			noted(otelmail.BeginIMAPCommand(t.Context(), tel, mailconv.IMAPSelect), otelmail.IMAPFacts{User: "bob@example.org", Mailbox: tc.mailbox, State: mailconv.IMAPAuthenticated}).
				End(otelmail.IMAPReply{Result: otelmail.IMAPOK})
		}, otelmail.WithPrivacy(tc.policy))
		want := map[string]string{"imap.command": "SELECT", "imap.response.status": "ok", "imap.state": "authenticated",
			"network.protocol.name": "imap", "network.transport": "tcp"}
		maps.Copy(want, tc.want)
		checkAttrs(t, s, want)
	}
	for _, name := range []string{"sent", "drafts", "trash", "spam", "archive", "outbox"} {
		s := spanOf(t, func(tel *otelmail.Telemetry) {
			noted(otelmail.BeginIMAPCommand(t.Context(), tel, mailconv.IMAPSelect), otelmail.IMAPFacts{Mailbox: name}).End(otelmail.IMAPReply{Result: otelmail.IMAPOK})
		})
		if got := attrs(s)["imap.mailbox"]; got != name {
			t.Errorf("mailbox %s shows as %q", name, got)
		}
	}
}

// TestIMAPSession: no span covers it; its commands are children of what its context holds
// and carry the connection. A broken one is an error, once.
func TestIMAPSession(t *testing.T) {
	tel, rec := traced(t)
	_, outer := tel.Queue.Enqueue(t.Context(), otelmail.MessageFacts{})
	s := tel.IMAP.Session(outer.Context(), otelmail.Conn{Remote: tcp("[2001:db8:1:2::3]:4711"), Local: tcp("192.0.2.1:993"),
		TLS: &tls.ConnectionState{Version: tls.VersionTLS12, HandshakeComplete: true, DidResume: true, CipherSuite: tls.TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256}})
	noted(s.Command(mailconv.IMAPNoop), otelmail.IMAPFacts{State: mailconv.IMAPNotAuthenticated}).End(otelmail.IMAPReply{Result: otelmail.IMAPOK})
	checkValue(t, tel, 1, "active_connections", "imap")
	s.End(otelmail.CauseReset)
	s.End(otelmail.CauseReset)
	if n := len(rec.Ended()); n != 1 {
		t.Fatalf("%d spans ended, want that of the command alone", n)
	}
	noop := rec.Ended()[0]
	if noop.Parent().SpanID() != outer.Span().SpanContext().SpanID() || !s.Span().SpanContext().Equal(outer.Span().SpanContext()) {
		t.Errorf("the command's parent is %v", noop.Parent())
	}
	checkAttrs(t, noop, map[string]string{"imap.command": "NOOP", "imap.response.status": "ok", "imap.state": "not_authenticated",
		"network.protocol.name": "imap", "network.transport": "tcp", "client.address": "2001:db8:1::", "network.peer.address": "2001:db8:1::",
		"server.address": "192.0.2.1", "server.port": "993", "tls.established": "true", "tls.resumed": "true",
		"tls.protocol.version": "1.2", "tls.cipher": "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256"})
	checkValue(t, tel, 0, "active_connections", "imap")
	checkValue(t, tel, 1, "imap_errors_total")
	checkValue(t, tel, 1, "tls_sessions_total", "yes")
	//nolint:staticcheck // a nil context is the mistake under test
	if tel.IMAP.Session(nil, otelmail.Conn{}).Context() == nil {
		t.Error("a session has no context")
	}
}
