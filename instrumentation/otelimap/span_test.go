package otelimap_test

import (
	"testing"

	"github.com/emersion/go-imap/v2/imapserver"
	"go.opentelemetry.io/otel/trace"

	"github.com/rusmes/otelmail"
	"github.com/rusmes/otelmail/instrumentation/otelimap"
)

// What the spans of a session say of its state, its mailbox and its user.
func TestStateAndMailbox(t *testing.T) {
	sees(t, func(t *testing.T, s setup) {
		s.caps = allCaps
		w := newWorld(t, s)
		c := w.dial()
		steps := []struct{ line, status, span, state, mailbox string }{
			{"LOGIN bob@example.org wrong", "NO", "LOGIN", "not_authenticated", ""},
			{"LOGIN bob@example.org secret", "OK", "LOGIN", "not_authenticated", ""},
			{"CREATE plans", "OK", "CREATE", "authenticated", "plans"},
			{"APPEND INBOX {1+}\r\nx", "OK", "APPEND", "authenticated", "INBOX"},
			{"NOOP", "OK", "NOOP", "authenticated", ""},
			{"SELECT INBOX", "OK", "SELECT", "authenticated", "INBOX"},
			{"FETCH 1 FLAGS", "OK", "FETCH", "selected", "INBOX"},
			{"COPY 1 plans", "OK", "COPY", "selected", "INBOX"},
			{"NOOP", "OK", "NOOP", "selected", "INBOX"},
			{"STATUS plans (MESSAGES)", "OK", "STATUS", "selected", "plans"},
			{`LIST "" *`, "OK", "LIST", "selected", ""},
			{"EXAMINE plans", "OK", "EXAMINE", "selected", "plans"},
			{"SEARCH ALL", "OK", "SEARCH", "selected", "plans"},
			{"CLOSE", "OK", "CLOSE", "selected", "plans"},
			{"RENAME plans done", "OK", "RENAME", "authenticated", "plans"},
			{"SELECT done", "OK", "SELECT", "authenticated", "done"},
			{"SELECT nowhere", "NO", "SELECT", "selected", "nowhere"},
			{"NOOP", "OK", "NOOP", "authenticated", ""},
			{"SELECT done", "OK", "SELECT", "authenticated", "done"},
			{"UNAUTHENTICATE", "OK", "UNAUTHENTICATE", "selected", "done"},
			{"LOGIN bob@example.org wrong", "NO", "LOGIN", "not_authenticated", ""},
		}
		for _, step := range steps {
			c.say(step.line, step.status)
		}
		spans := w.first(len(steps))
		if len(spans) != len(steps) {
			t.Fatalf("%d spans, want %d: %q", len(spans), len(steps), w.names())
		}
		for i, want := range steps {
			span := spans[i]
			if got := span.Name() + attr(span, "imap.command"); got != "IMAP "+want.span+want.span {
				t.Errorf("%s: name and command %q", want.line, got)
			}
			if state, box := attr(span, "imap.state"), attr(span, "imap.mailbox"); state != want.state || box != want.mailbox {
				t.Errorf("%s: mailbox %q in state %q, want %q, %q", want.line, box, state, want.mailbox, want.state)
			}
			if span.SpanKind() != trace.SpanKindServer || span.Parent().IsValid() {
				t.Errorf("%s: kind %v, parent %v, want a server's root", want.line, span.SpanKind(), span.Parent())
			}
			if attr(span, "network.protocol.name") != "imap" || attr(span, "client.address") != "127.0.0.1" {
				t.Errorf("%s: attributes %v", want.line, span.Attributes())
			}
		}
	})
}

// A mailbox that a user has named does not appear in clear by default.
func TestMailboxIsHashedByDefault(t *testing.T) {
	w := newWorld(t, setup{tel: []otelmail.NewOption{otelmail.WithPrivacy(otelmail.PrivacyDomain)}})
	w.login().say("CREATE doctor", "OK").say("SELECT INBOX", "OK").say("SELECT doctor", "OK")
	for _, span := range w.first(4)[1:] {
		for _, kv := range span.Attributes() {
			if v := kv.Value.String(); v == "doctor" || v == "bob@example.org" {
				t.Errorf("%s shows %s=%q", span.Name(), kv.Key, v)
			}
		}
	}
	if box := attr(w.first(4)[2], "imap.mailbox"); box != "INBOX" {
		t.Errorf("mailbox %q, want INBOX", box)
	}
}

// The backend's own spans are children of the command's, its poll included.
func TestContext(t *testing.T) {
	sees(t, func(t *testing.T, s setup) {
		var w *world
		s.session = func(conn *imapserver.Conn) (imapserver.Session, *imapserver.GreetingData, error) {
			if otelimap.Context(conn) == nil {
				t.Error("no context in the constructor")
			}
			b := &backend{run: func(method string) error {
				_, span := w.tel.TracerProvider().Tracer("backend").Start(otelimap.Context(conn), "own "+method)
				span.End()
				return nil
			}}
			b.idle = func(stop <-chan struct{}) error {
				_ = b.do("Idle")
				w.idling.Add(1)
				<-stop
				return nil
			}
			return b, nil, nil
		}
		w = newWorld(t, s)
		c := w.login().say("CREATE a", "OK").say("NOOP", "OK").say("SELECT a", "OK").say("CLOSE", "OK")
		w.idle(c)
		c.send("DONE\r\n").answer("t OK").say("LOGOUT", "OK").closed()
		w.ended(1, counts{"commands": 7})

		parents := map[trace.SpanID]string{}
		for _, span := range w.spans.Ended() {
			parents[span.SpanContext().SpanID()] = span.Name()
		}
		got := map[string]bool{}
		for _, span := range w.spans.Ended() {
			if span.InstrumentationScope().Name == "backend" {
				got[span.Name()+" in "+parents[span.Parent().SpanID()]] = true
			}
		}
		for _, want := range []string{
			"own Login in IMAP LOGIN", "own Create in IMAP CREATE", "own Poll in IMAP CREATE", "own Poll in IMAP NOOP",
			"own Select in IMAP SELECT", "own Expunge in IMAP CLOSE", "own Unselect in IMAP CLOSE", "own Poll in IMAP CLOSE",
			"own Idle in ", "own Poll in IMAP IDLE", "own Close in ",
		} {
			if !got[want] {
				t.Errorf("there is no %q in %v", want, got)
			}
			delete(got, want)
		}
		if len(got) > 0 {
			t.Errorf("what are %v?", got)
		}
	})
}

// A nil Telemetry records nothing, and changes nothing.
func TestNilTelemetry(t *testing.T) {
	w := newWorld(t, setup{silent: true, session: serve(&backend{})})
	_ = w.login().say("CREATE a", "OK").Close()
	w.expect(counts{})
}
