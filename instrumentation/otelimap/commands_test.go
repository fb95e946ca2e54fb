package otelimap_test

import (
	"testing"

	"github.com/emersion/go-imap/v2"
)

// mix is every command there is, in one session, and how its span is to be called.
var mix = []struct{ line, status, span string }{
	{"CAPABILITY", "OK", "CAPABILITY ok"},
	{"NOOP", "OK", "NOOP ok"},
	{"NAMESPACE", "BAD", "NAMESPACE bad CLIENTBUG"},
	{"LOGIN bob@example.org wrong", "NO", "LOGIN no AUTHENTICATIONFAILED"},
	{"LOGIN", "BAD", "LOGIN bad CLIENTBUG"},
	{"LOGIN bob@example.org secret", "OK", "LOGIN ok"},
	{"LOGIN bob@example.org secret", "BAD", "LOGIN bad CLIENTBUG"},
	{"CAPABILITY", "OK", "CAPABILITY ok"},
	{"ENABLE UTF8=ACCEPT", "OK", "ENABLE ok"},
	{"NAMESPACE", "OK", "NAMESPACE ok"},
	{"ID NIL", "BAD", "ID bad bad"},
	{"CREATE lists", "OK", "CREATE ok"},
	{"CREATE lists", "NO", "CREATE no ALREADYEXISTS"},
	{"SUBSCRIBE lists", "OK", "SUBSCRIBE ok"},
	{`LIST "" "*"`, "OK", "LIST ok"},
	{`LIST (SUBSCRIBED) "" "*"`, "OK", "LIST ok"},
	{`LSUB "" "*"`, "OK", "LSUB ok"},
	{"STATUS lists (MESSAGES)", "OK", "STATUS ok"},
	{"STATUS nowhere (MESSAGES)", "NO", "STATUS no NONEXISTENT"},
	{"RENAME lists old", "OK", "RENAME ok"},
	{"UNSUBSCRIBE old", "OK", "UNSUBSCRIBE ok"},
	{"APPEND INBOX {12+}\r\nSubject: a\r\n", "OK", "APPEND ok"},
	{"APPEND INBOX (\\Seen) {14+}\r\nt BAD x\r\n{99}\r", "OK", "APPEND ok"},
	{"APPEND nowhere {4+}\r\nabcd", "NO", "APPEND no TRYCREATE"},
	{"FETCH 1 FLAGS", "BAD", "FETCH bad CLIENTBUG"},
	{"SELECT INBOX", "OK", "SELECT ok"},
	{"SELECT INBOX", "OK", "SELECT ok"},
	{"EXAMINE INBOX", "OK", "EXAMINE ok"},
	{"SELECT nowhere", "NO", "SELECT no NONEXISTENT"},
	{"CHECK", "OK", "CHECK ok"},
	{"SELECT INBOX", "OK", "SELECT ok"},
	{"NOOP", "OK", "NOOP ok"},
	{"CHECK", "OK", "CHECK ok"},
	{"FETCH 1:* (FLAGS BODY[])", "OK", "FETCH ok"},
	{"UID FETCH 1:* (ENVELOPE BODYSTRUCTURE)", "OK", "FETCH ok"},
	{"FETCH 1 NONSENSE", "BAD", "FETCH bad CLIENTBUG"},
	{"STORE 1 +FLAGS (\\Flagged)", "OK", "STORE ok"},
	{"UID STORE 1 FLAGS.SILENT (\\Seen)", "OK", "STORE ok"},
	{"SEARCH ALL", "OK", "SEARCH ok"},
	{"UID SEARCH RETURN (COUNT) UNSEEN", "OK", "SEARCH ok"},
	{"SEARCH CHARSET KOI8-R ALL", "NO", "SEARCH no BADCHARSET"},
	{"COPY 1 old", "OK", "COPY ok"},
	{"UID COPY 1 nowhere", "NO", "COPY no TRYCREATE"},
	{"MOVE 1 old", "OK", "MOVE ok"},
	{"UID MOVE 2 nowhere", "NO", "MOVE no TRYCREATE"},
	{"STORE 1 +FLAGS (\\Deleted)", "OK", "STORE ok"},
	{"UID EXPUNGE 1", "OK", "EXPUNGE ok"},
	{"EXPUNGE", "OK", "EXPUNGE ok"},
	{"IDLE\r\nDONE", "OK", "IDLE ok"},
	{"CLOSE", "OK", "CLOSE ok"},
	{"SELECT INBOX", "OK", "SELECT ok"},
	{"UNSELECT", "OK", "UNSELECT ok"},
	{"UNSELECT", "BAD", "UNSELECT bad CLIENTBUG"},
	{"DELETE old", "OK", "DELETE ok"},
	{"DELETE old", "NO", "DELETE no NONEXISTENT"},
	{"UNAUTHENTICATE", "OK", "UNAUTHENTICATE ok"},
	{"CAPABILITY", "OK", "CAPABILITY ok"},
	{"AUTHENTICATE PLAIN AGJvYkBleGFtcGxlLm9yZwBzZWNyZXQ=", "OK", "AUTHENTICATE ok"},
	{"LOGOUT", "OK", "LOGOUT ok"},
}

var allCaps = imap.CapSet{
	imap.CapIMAP4rev1: {}, imap.CapNamespace: {}, imap.CapMove: {}, imap.CapUIDPlus: {}, imap.CapESearch: {},
	imap.CapLiteralPlus: {}, imap.CapUnauthenticate: {},
}

func TestEveryCommandIsOneSpanAndOneCount(t *testing.T) {
	for name, s := range everyWay {
		t.Run(name, func(t *testing.T) {
			s.caps = allCaps
			w := newWorld(t, s)
			want := counts{}
			c := w.dial()
			var spans []string
			for _, m := range mix {
				if m.line == "IDLE\r\nDONE" { // once the session has been told
					w.idle(c)
					c.send("DONE\r\n").answer("t OK")
				} else {
					c.say(m.line, m.status)
				}
				spans = append(spans, "IMAP "+m.span)
				want[commands]++
				if m.status != "OK" {
					want[errs]++
				}
			}
			c.closed()
			w.ended(1, want)
			w.expectSpans(spans...)
		})
	}
}
