package otelimap_test

import (
	"testing"

	"github.com/emersion/go-imap/v2/imapserver"
	"go.opentelemetry.io/otel/trace"

	"github.com/rusmes/otelmail"
	"github.com/rusmes/otelmail/instrumentation/otelimap"
	"github.com/rusmes/otelmail/otelmailtest"
)

// What the spans of a session say of its state, its mailbox and its user.
func TestStateAndMailbox(t *testing.T) {
	sees(t, func(t *testing.T, s setup) {
		s.caps = allCaps
		w := newWorld(t, s)
		c := w.dial()
		steps := []struct {
			line, status, span, state string
			mailbox                   any
		}{
			{"LOGIN bob@example.org wrong", "NO", "LOGIN", "not_authenticated", nil},
			{"LOGIN bob@example.org secret", "OK", "LOGIN", "not_authenticated", nil},
			{"CREATE plans", "OK", "CREATE", "authenticated", "plans"},
			{"APPEND INBOX {1+}\r\nx", "OK", "APPEND", "authenticated", "INBOX"},
			{"NOOP", "OK", "NOOP", "authenticated", nil},
			{"SELECT INBOX", "OK", "SELECT", "authenticated", "INBOX"},
			{"FETCH 1 FLAGS", "OK", "FETCH", "selected", "INBOX"},
			{"COPY 1 plans", "OK", "COPY", "selected", "INBOX"},
			{"NOOP", "OK", "NOOP", "selected", "INBOX"},
			{"STATUS plans (MESSAGES)", "OK", "STATUS", "selected", "plans"},
			{`LIST "" *`, "OK", "LIST", "selected", nil},
			{"EXAMINE plans", "OK", "EXAMINE", "selected", "plans"},
			{"SEARCH ALL", "OK", "SEARCH", "selected", "plans"},
			{"CLOSE", "OK", "CLOSE", "selected", "plans"},
			{"RENAME plans done", "OK", "RENAME", "authenticated", "plans"},
			{"SELECT done", "OK", "SELECT", "authenticated", "done"},
			{"SELECT nowhere", "NO", "SELECT", "selected", "nowhere"},
			{"NOOP", "OK", "NOOP", "authenticated", nil},
			{"SELECT done", "OK", "SELECT", "authenticated", "done"},
			{"UNAUTHENTICATE", "OK", "UNAUTHENTICATE", "selected", "done"},
			{"LOGIN bob@example.org wrong", "NO", "LOGIN", "not_authenticated", nil},
		}
		for _, step := range steps {
			c.say(step.line, step.status)
		}
		_ = c.Close()
		w.ended(1, counts{commands: float64(len(steps)), errs: 3})
		spans := w.Spans("")
		if len(spans) != len(steps) {
			t.Fatalf("%d spans, want %d: %q", len(spans), len(steps), spans)
		}
		for i, want := range steps {
			span := spans[i]
			if span.Name() != "IMAP "+want.span || span.SpanKind() != trace.SpanKindServer || span.Parent().IsValid() {
				t.Errorf("%s: %s, kind %v, parent %v, want a server's root", want.line, span.Name(), span.SpanKind(), span.Parent())
			}
			span.Has(otelmailtest.Attributes{"imap.command": want.span, "imap.state": want.state, "imap.mailbox": want.mailbox,
				"network.protocol.name": "imap", "client.address": "127.0.0.1"})
		}
	})
}

// A mailbox that a user has named does not appear in clear by default.
func TestMailboxIsHashedByDefault(t *testing.T) {
	w := newWorld(t, setup{tel: []otelmail.StartOption{otelmail.WithPrivacy(otelmail.PrivacyDomain)}, session: serve(&backend{})})
	w.dial().say("LOGIN canary@example.org secret", "OK").say("CREATE doctor", "OK").say("EXAMINE INBOX", "OK").say("SELECT doctor", "OK")
	w.expectSpans("IMAP LOGIN ok", "IMAP CREATE ok", "IMAP EXAMINE ok", "IMAP SELECT ok")
	w.Leaks("canary@example.org", "doctor")
	w.Span("IMAP EXAMINE").Has(otelmailtest.Attributes{"imap.mailbox": "INBOX"})
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
				_, span := w.Tel.TracerProvider().Tracer("backend").Start(otelimap.Context(conn), "own "+method)
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
		w.ended(1, counts{commands: 7})

		w.Tree(`
			IMAP LOGIN
			  own Login
			IMAP CREATE
			  own Create
			  own Poll
			IMAP NOOP
			  own Poll
			IMAP SELECT
			  own Select
			IMAP CLOSE
			  own Expunge
			  own Unselect
			  own Poll
			own Idle
			IMAP IDLE
			  own Poll
			IMAP LOGOUT
			own Close`)
	})
}

// A nil Telemetry records nothing, and changes nothing.
func TestNilTelemetry(t *testing.T) {
	w := &world{Recorder: otelmailtest.New(t), t: t}
	w.start(nil, setup{session: serve(&backend{})})
	_ = w.login().say("CREATE a", "OK").Close()
	w.expect(counts{})
}
