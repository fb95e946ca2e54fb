package otelmail_test

import (
	"crypto/tls"
	"testing"

	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"

	"github.com/rusmes/otelmail"
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
			i.Command(t.Context(), otelmail.IMAPLogin, otelmail.IMAPFacts{}).EndCode(otelmail.IMAPNo, code)
		})
		if attrs["error.type"] != want {
			t.Errorf("code %q: error.type %q, want %q", code, attrs["error.type"], want)
		}
	}
	_, attrs := imapSpan(t, func(i *otelmail.IMAP) {
		i.Command(t.Context(), otelmail.IMAPLogin, otelmail.IMAPFacts{}).EndCode(otelmail.IMAPOK, "ALERT")
	})
	if e, ok := attrs["error.type"]; ok {
		t.Errorf("error.type %q on a success", e)
	}
}

func TestIMAPCommandRefined(t *testing.T) {
	name, attrs := imapSpan(t, func(i *otelmail.IMAP) {
		cmd := i.Command(t.Context(), otelmail.IMAPUnselect, otelmail.IMAPFacts{Mailbox: "INBOX", State: "selected"})
		cmd.Refine(otelmail.IMAPSelect, otelmail.IMAPFacts{Mailbox: "Sent"})
		cmd.End(otelmail.IMAPOK, otelmail.CauseNone)
	})
	if name != "IMAP SELECT" || attrs["imap.command"] != "SELECT" || attrs["imap.mailbox"] != "Sent" || attrs["imap.state"] != "selected" {
		t.Errorf("%s with %v", name, attrs)
	}
	otelmail.IMAPCommand{}.Refine(otelmail.IMAPSelect, otelmail.IMAPFacts{}) // the zero value does nothing
}

// An IMAP session has no span: what is known of TLS is on its commands.
func TestIMAPCommandsShowTLS(t *testing.T) {
	state := tls.ConnectionState{Version: tls.VersionTLS13, HandshakeComplete: true}
	for name, secure := range map[string]func(otelmail.IMAPSession){
		"upgrade":   func(s otelmail.IMAPSession) { s.Upgrade(state) },
		"handshake": func(s otelmail.IMAPSession) { s.Handshake(state) },
	} {
		_, attrs := imapSpan(t, func(i *otelmail.IMAP) {
			s := i.Session(t.Context(), otelmail.Conn{})
			secure(s)
			s.Command(otelmail.IMAPNoop, otelmail.IMAPFacts{}).End(otelmail.IMAPOK, otelmail.CauseNone)
			s.End(otelmail.CauseNone)
		})
		if attrs["tls.protocol.version"] != "1.3" || attrs["tls.established"] != "true" {
			t.Errorf("%s: %v", name, attrs)
		}
	}
}
