package otelimap_test

import (
	"errors"
	"fmt"
	"io"
	"testing"

	"github.com/emersion/go-imap/v2"
	"github.com/emersion/go-imap/v2/imapserver"
)

func refused(typ imap.StatusResponseType, code imap.ResponseCode) error {
	return &imap.Error{Type: typ, Code: code, Text: "bob@example.org's secret"}
}

// What a backend returns is recorded as what go-imap writes for it.
func TestErrorsAreWhatGoesOnTheWire(t *testing.T) {
	nobody := (*imap.Error)(nil)
	tests := map[string]struct {
		err    error
		answer string // "" if go-imap hangs up
		want   string
	}{
		"authentication failed": {imapserver.ErrAuthFailed, "NO [AUTHENTICATIONFAILED]", "no AUTHENTICATIONFAILED"},
		"no":                    {refused("NO", ""), "NO", "no no"},
		"no, with a code":       {refused("NO", "OVERQUOTA"), "NO [OVERQUOTA]", "no OVERQUOTA"},
		"a code with more":      {refused("NO", "BADCHARSET (UTF-8)"), "NO [BADCHARSET (UTF-8)]", "no BADCHARSET"},
		"a code of its own":     {refused("NO", "bob@example.org"), "NO [bob@example.org]", "no no"},
		"bad":                   {refused("BAD", "CLIENTBUG"), "BAD [CLIENTBUG]", "bad CLIENTBUG"},
		"bye":                   {refused("BYE", "UNAVAILABLE"), "BYE [UNAVAILABLE]", "no UNAVAILABLE"},
		"wrapped":               {fmt.Errorf("store: %w", refused("NO", "NOPERM")), "NO [NOPERM]", "no NOPERM"},
		"any other":             {errors.New("disk of bob@example.org"), "NO [SERVERBUG]", "no SERVERBUG"},
		"a nil imap.Error":      {nobody, "", "broken panic"},
	}
	for way, s := range everyWay {
		for name, test := range tests {
			t.Run(way+": "+name, func(t *testing.T) {
				s.session = serve(&backend{run: fails("Create", test.err)})
				w := newWorld(t, s)
				c := w.login()
				if test.answer != "" {
					c.say("CREATE a", test.answer)
					c.say("DELETE a", "OK")
					w.expectSpans("IMAP LOGIN ok", "IMAP CREATE "+test.want, "IMAP DELETE ok")
				} else {
					c.send("t CREATE a\r\n").closed()
					w.expectSpans("IMAP LOGIN ok", "IMAP CREATE "+test.want) // go-imap has panicked
				}
				w.Has(counts{errs: 1})
			})
		}
	}
}

// commandOf is a command that leads to a method of the session.
var commandOf = map[string]struct {
	line, span string
	selected   bool
}{
	"Login":       {"LOGIN a b", "LOGIN", false},
	"Select":      {"SELECT a", "SELECT", false},
	"Create":      {"CREATE a", "CREATE", false},
	"Delete":      {"DELETE a", "DELETE", false},
	"Rename":      {"RENAME a b", "RENAME", false},
	"Subscribe":   {"SUBSCRIBE a", "SUBSCRIBE", false},
	"Unsubscribe": {"UNSUBSCRIBE a", "UNSUBSCRIBE", false},
	"List":        {`LIST "" a`, "LIST", false},
	"Status":      {"STATUS a (MESSAGES)", "STATUS", false},
	"Append":      {"APPEND a {1+}\r\nx", "APPEND", false},
	"Poll":        {"NOOP", "NOOP", false},
	"Unselect":    {"UNSELECT", "UNSELECT", true},
	"Expunge":     {"EXPUNGE", "EXPUNGE", true},
	"Search":      {"SEARCH ALL", "SEARCH", true},
	"Fetch":       {"FETCH 1 FLAGS", "FETCH", true},
	"Store":       {"STORE 1 FLAGS (a)", "STORE", true},
	"Copy":        {"COPY 1 a", "COPY", true},
}

// A panic of the backend's is go-imap's to handle. It ends the command, and the
// session, and counts once.
func TestPanicEndsEverything(t *testing.T) {
	for way, s := range everyWay {
		for method, command := range commandOf {
			t.Run(way+": "+method, func(t *testing.T) {
				s.session = serve(&backend{run: fails(method, nil)})
				w := newWorld(t, s)
				c := w.dial()
				var spans []string
				if method != "Login" {
					c.say("LOGIN a b", "OK")
					spans = append(spans, "IMAP LOGIN ok")
				}
				if command.selected {
					c.say("SELECT INBOX", "OK")
					spans = append(spans, "IMAP SELECT ok")
				}
				c.send("t " + command.line + "\r\n").closed()
				spans = append(spans, "IMAP "+command.span+" broken panic")
				w.ended(1, counts{commands: float64(len(spans)), errs: 1})
				w.expectSpans(spans...)
			})
		}
	}
}

func TestPanicInCloseAndInTheConstructor(t *testing.T) {
	for way, s := range everyWay {
		t.Run(way, func(t *testing.T) {
			s.session = serve(&backend{run: fails("Close", nil)})
			w := newWorld(t, s)
			_ = w.dial().Close()
			w.ended(1, counts{errs: 1})

			s.session = func(*imapserver.Conn) (imapserver.Session, *imapserver.GreetingData, error) { panic("no") }
			w = newWorld(t, s)
			w.refused()
			w.ended(1, counts{errs: 1, `rusmes_panics_total{component="imap"}`: 1})
		})
	}
}

// A constructor that fails counts as a session that broke, unless it only says
// goodbye.
func TestConstructorThatFails(t *testing.T) {
	for name, test := range map[string]struct {
		err    error
		errors float64
	}{
		"no session": {nil, 1},
		"any error":  {errors.New("no database"), 1},
		"NO":         {refused("NO", ""), 1},
		"BYE":        {refused("BYE", "UNAVAILABLE"), 0},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, setup{
				session: func(*imapserver.Conn) (imapserver.Session, *imapserver.GreetingData, error) {
					return nil, nil, test.err
				}})
			w.refused()
			w.ended(1, counts{errs: test.errors})
		})
	}
}

// go-imap polls before it answers. If that fails, it answers COPY and APPEND
// with it, and hangs up on all others.
func TestPollThatFails(t *testing.T) {
	for way, s := range everyWay {
		for line, want := range map[string]string{
			"NOOP":                   "NOOP broken _OTHER",
			"CREATE a":               "CREATE broken _OTHER",
			"IDLE\r\nDONE":           "IDLE broken _OTHER",
			"APPEND a {1+}\r\nx":     "APPEND no SERVERBUG",
			"COPY 1 a":               "COPY no SERVERBUG",
			"UNSELECT":               "UNSELECT broken _OTHER",
			"STATUS a (UIDVALIDITY)": "STATUS broken panic", // the backend has no data, go-imap panics
		} {
			t.Run(way+": "+line, func(t *testing.T) {
				idles := make(chan bool, 1)
				b := &backend{run: fails("Poll", errors.New("no updates"))}
				b.idle = func(stop <-chan struct{}) error { idles <- true; <-stop; return nil }
				s.session = serve(b)
				w := newWorld(t, s)
				c := w.login().say("SELECT INBOX", "OK")
				if first, rest, ok := cut(line); ok {
					c.send("t " + first + "\r\n")
					if first == "IDLE" {
						<-idles
					}
					c.send(rest + "\r\n")
				} else {
					c.send("t " + line + "\r\n")
				}
				if want[len(want)-1] == 'G' {
					c.answer("t NO").say("LOGOUT", "OK")
				}
				c.closed()
				spans := []string{"IMAP LOGIN ok", "IMAP SELECT ok", "IMAP " + want}
				if want[len(want)-1] == 'G' {
					spans = append(spans, "IMAP LOGOUT ok")
				}
				w.ended(1, counts{commands: float64(len(spans)), errs: 1})
				w.expectSpans(spans...)
			})
		}
	}
}

// Without data for SELECT go-imap panics after the session has returned.
func TestSelectWithoutData(t *testing.T) {
	for way, s := range everyWay {
		t.Run(way, func(t *testing.T) {
			s.session = serve(&backend{nothing: true})
			w := newWorld(t, s)
			w.login().send("t SELECT a\r\n").closed()
			w.ended(1, counts{commands: 2, errs: 1})
			w.expectSpans("IMAP LOGIN ok", "IMAP SELECT broken panic")
		})
	}
}

// A message that is cut off is never answered, whatever the backend made of it.
func TestAppendCutOff(t *testing.T) {
	for way, s := range everyWay {
		for name, ending := range map[string]func(error) error{
			"kept":    func(error) error { return nil },
			"refused": func(error) error { return errors.New("incomplete") },
		} {
			t.Run(way+": "+name, func(t *testing.T) {
				s.session = serve(&backend{append: func(r imap.LiteralReader) error {
					_, err := io.Copy(io.Discard, r)
					return ending(err)
				}})
				w := newWorld(t, s)
				_ = w.login().send("t APPEND a {99+}\r\nnot all").Close()
				w.ended(1, counts{commands: 2, errs: 1})
				w.expectSpans("IMAP LOGIN ok", "IMAP APPEND broken eof")
			})
		}
	}
}

// go-imap does not answer an APPEND whose line goes on behind the message.
func TestAppendThatGoesOn(t *testing.T) {
	for way, s := range everyWay {
		t.Run(way, func(t *testing.T) {
			s.session = serve(&backend{})
			w := newWorld(t, s)
			w.login().send("u APPEND a {1+}\r\nx more\r\n").say("DELETE a", "OK")
			w.expectSpans("IMAP LOGIN ok", "IMAP APPEND broken protocol", "IMAP DELETE ok")
		})
	}
}
