package otelimap_test

import (
	"testing"

	"github.com/emersion/go-imap/v2/imapserver"

	"github.com/rusmes/otelmail/instrumentation/otelimap"
	"github.com/rusmes/otelmail/otelmailtest"
)

func TestAuthenticate(t *testing.T) {
	sees(t, func(t *testing.T, s setup) {
		b := &backend{}
		s.session = serve(saslBackend{b})
		w := newWorld(t, s)
		c := w.dial()
		spans := []string{}
		exchange := func(answer string) {
			c.send("t AUTHENTICATE TALK\r\n").answer("+ ").send("YQ==\r\n").answer("+ ").send("Yg==\r\n").answer("t " + answer)
		}
		c.say("AUTHENTICATE OTHER", "NO [SERVERBUG]")
		spans = append(spans, "IMAP AUTHENTICATE no SERVERBUG")
		b.run = fails("Login", imapserver.ErrAuthFailed)
		exchange("NO [AUTHENTICATIONFAILED]")
		spans = append(spans, "IMAP AUTHENTICATE no AUTHENTICATIONFAILED")
		c.send("t AUTHENTICATE TALK\r\n").answer("+ ").send("*\r\n").answer("t BAD")
		c.send("t AUTHENTICATE TALK\r\n").answer("+ ").send("&\r\n").answer("t BAD")
		spans = append(spans, "IMAP AUTHENTICATE bad bad", "IMAP AUTHENTICATE bad bad")
		b.run = nil
		exchange("OK")
		spans = append(spans, "IMAP AUTHENTICATE ok")
		c.say("CREATE a", "OK")
		w.expectSpans(append(spans, "IMAP CREATE ok")...)
		w.expect(counts{connections: 1, active: 1, w.kind(): 1, commands: 6, errs: 4})
	})
}

// A client that goes away in the middle has cut off its command.
func TestAuthenticateCutOff(t *testing.T) {
	sees(t, func(t *testing.T, s setup) {
		s.session = serve(saslBackend{&backend{}})
		w := newWorld(t, s)
		_ = w.dial().send("t AUTHENTICATE TALK\r\n").answer("+ ").Close()
		w.ended(1, counts{commands: 1, errs: 1})
		w.expectSpans("IMAP AUTHENTICATE no SERVERBUG") // go-imap still writes NO
	})
}

func TestPanicInAuthenticate(t *testing.T) {
	sees(t, func(t *testing.T, s setup) {
		s.session = serve(saslBackend{&backend{run: fails("Login", nil)}})
		w := newWorld(t, s)
		w.dial().send("t AUTHENTICATE TALK\r\n").answer("+ ").send("YQ==\r\n").answer("+ ").send("Yg==\r\n").closed()
		w.ended(1, counts{commands: 1, errs: 1})
		w.expectSpans("IMAP AUTHENTICATE broken panic")
	})
}

func TestUserAfterLogin(t *testing.T) {
	w := newWorld(t, setup{caps: allCaps})
	c := w.login()
	w.Mark()
	c.say("CREATE a", "OK").say("UNAUTHENTICATE", "OK").say("LOGIN bob@example.org wrong", "NO")
	w.expectSpans("IMAP CREATE ok", "IMAP UNAUTHENTICATE ok", "IMAP LOGIN no AUTHENTICATIONFAILED")
	for _, span := range w.Spans("") { // of LOGIN who tried
		span.Has(otelmailtest.Attributes{"user.id": "bob@example.org"})
	}
}

func TestWithUser(t *testing.T) {
	name := func(s imapserver.Session) string {
		if _, ok := s.(saslBackend); !ok {
			t.Errorf("WithUser is given a %T", s)
		}
		return "alice"
	}
	for title, test := range map[string]struct {
		user func(imapserver.Session) string
		want any
	}{
		"named":   {name, "alice"},
		"default": {nil, nil},
		"panics":  {func(imapserver.Session) string { panic("no") }, nil},
	} {
		t.Run(title, func(t *testing.T) {
			s := setup{session: serve(saslBackend{&backend{}})}
			if test.user != nil {
				s.opts = []otelimap.Option{otelimap.WithUser(test.user), nil}
			}
			w := newWorld(t, s)
			w.dial().send("t AUTHENTICATE TALK\r\n").answer("+ ").send("YQ==\r\n").answer("+ ").send("Yg==\r\n").answer("t OK").
				say("CREATE a", "OK")
			w.Span("IMAP CREATE").Has(otelmailtest.Attributes{"user.id": test.want})
		})
	}
}

func TestAuthenticatedFromTheBeginning(t *testing.T) {
	w := newWorld(t, setup{
		session: func(*imapserver.Conn) (imapserver.Session, *imapserver.GreetingData, error) {
			return &backend{}, &imapserver.GreetingData{PreAuth: true}, nil
		},
		opts: []otelimap.Option{otelimap.WithUser(func(imapserver.Session) string { return "alice" })},
	})
	w.dial().say("CREATE a", "OK")
	w.Span("IMAP CREATE").Has(otelmailtest.Attributes{"user.id": "alice", "imap.state": "authenticated"})
}
