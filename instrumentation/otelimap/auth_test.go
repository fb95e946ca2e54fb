package otelimap_test

import (
	"testing"

	"github.com/emersion/go-imap/v2/imapserver"

	"github.com/rusmes/otelmail/instrumentation/otelimap"
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
		if got, want := w.counts()["commands"], int64(6); got != want {
			t.Errorf("%d commands, want %d", got, want)
		}
		if got, want := w.counts()["errors"], int64(4); got != want {
			t.Errorf("%d errors, want %d", got, want)
		}
	})
}

// A client that goes away in the middle has cut off its command.
func TestAuthenticateCutOff(t *testing.T) {
	sees(t, func(t *testing.T, s setup) {
		s.session = serve(saslBackend{&backend{}})
		w := newWorld(t, s)
		_ = w.dial().send("t AUTHENTICATE TALK\r\n").answer("+ ").Close()
		w.ended(1, counts{"commands": 1, "errors": 1})
		w.expectSpans("IMAP AUTHENTICATE no SERVERBUG") // go-imap still writes NO
	})
}

func TestPanicInAuthenticate(t *testing.T) {
	sees(t, func(t *testing.T, s setup) {
		s.session = serve(saslBackend{&backend{run: fails("Login", nil)}})
		w := newWorld(t, s)
		w.dial().send("t AUTHENTICATE TALK\r\n").answer("+ ").send("YQ==\r\n").answer("+ ").send("Yg==\r\n").closed()
		w.ended(1, counts{"commands": 1, "errors": 1})
		w.expectSpans("IMAP AUTHENTICATE broken panic")
	})
}

// users are the user.id of the first n spans, by name.
func (w *world) users(n int) map[string]string {
	all := map[string]string{}
	for _, span := range w.first(n) {
		all[span.Name()] = attr(span, "user.id")
	}
	return all
}

func TestUserAfterLogin(t *testing.T) {
	w := newWorld(t, setup{caps: allCaps})
	w.login().say("CREATE a", "OK").say("UNAUTHENTICATE", "OK").say("LOGIN bob@example.org wrong", "NO")
	want := map[string]string{"IMAP LOGIN": "bob@example.org", // who tried
		"IMAP CREATE": "bob@example.org", "IMAP UNAUTHENTICATE": "bob@example.org"}
	got := w.users(4)
	for name, user := range want {
		if got[name] != user {
			t.Errorf("%s has the user %q, want %q", name, got[name], user)
		}
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
		want string
	}{
		"named":   {name, "alice"},
		"default": {nil, ""},
		"panics":  {func(imapserver.Session) string { panic("no") }, ""},
	} {
		t.Run(title, func(t *testing.T) {
			s := setup{session: serve(saslBackend{&backend{}})}
			if test.user != nil {
				s.opts = []otelimap.Option{otelimap.WithUser(test.user), nil}
			}
			w := newWorld(t, s)
			w.dial().send("t AUTHENTICATE TALK\r\n").answer("+ ").send("YQ==\r\n").answer("+ ").send("Yg==\r\n").answer("t OK").
				say("CREATE a", "OK")
			if got := w.users(2)["IMAP CREATE"]; got != test.want {
				t.Errorf("user %q, want %q", got, test.want)
			}
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
	span := w.first(1)[0]
	if user, state := attr(span, "user.id"), attr(span, "imap.state"); user != "alice" || state != "authenticated" {
		t.Errorf("user %q in state %q, want alice, authenticated", user, state)
	}
}
