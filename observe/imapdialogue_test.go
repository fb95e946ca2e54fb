package observe_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"go.opentelemetry.io/otel/metric/noop"

	"github.com/rusmes/otelmail"
	"github.com/rusmes/otelmail/observe"
)

// imapWorld is what a dialogue is recorded in, fast enough for one for each way to cut it.
type imapWorld struct{ *world }

func newIMAPWorld(t testing.TB) *imapWorld {
	t.Helper()
	return &imapWorld{newWorld(t, otelmail.WithPrivacy(otelmail.PrivacyFull), otelmail.WithMeterProvider(noop.NewMeterProvider()))}
}

// counts are commands, errors, and what else is not 0.
func (w *imapWorld) counts() string {
	w.t.Helper()
	var all []string
	for _, key := range []string{"imap_commands_total", "imap_errors_total", "tls_sessions_total/yes", "tls_sessions_total/starttls",
		"telemetry_unfollowed_sessions_total/imap", "active_connections/imap"} {
		name, label, labelled := strings.Cut(key, "/")
		var labels []string
		if labelled {
			labels = []string{label}
		}
		v, err := w.tel.Value(name, labels...)
		if err != nil {
			w.t.Fatal(err)
		}
		short, _, _ := strings.Cut(strings.TrimPrefix(name, "imap_"), "_")
		if label == "yes" || label == "starttls" {
			short = label
		}
		if v != 0 {
			all = append(all, fmt.Sprintf("%s %d", short, v))
		}
	}
	return strings.Join(all, ", ")
}

// ended are the spans that have ended, in their order: name, result, error.type,
// state, mailbox and user.
func (w *imapWorld) ended() []string {
	var all []string
	for _, span := range w.spans.Ended() {
		attr := map[string]string{}
		for _, kv := range span.Attributes() {
			attr[string(kv.Key)] = kv.Value.String()
		}
		text := strings.TrimPrefix(span.Name(), "IMAP ")
		for _, key := range []string{"imap.response.status", "error.type", "imap.mailbox", "user.id"} {
			if v := attr[key]; v != "" {
				text += " " + v
			}
		}
		all = append(all, text)
	}
	return all
}

// play plays a dialogue: lines of the client begin with C, those of the server with
// S, without their CRLF if they end in a backslash; other lines are what happens.
// Size is how many bytes are given at a time, 0 for all.
func play(d *observe.IMAPDialogue, script string, size int) {
	chunks := func(take func([]byte), text string) {
		n := size
		if n == 0 {
			n = len(text)
		}
		for chunk := range slices.Chunk([]byte(text), n) {
			take(chunk)
		}
	}
	for line := range strings.Lines(script) {
		line = strings.TrimSuffix(strings.TrimPrefix(line, "\t"), "\n")
		who, text, _ := strings.Cut(line, " ")
		text, open := strings.CutSuffix(text, `\`)
		if !open {
			text += "\r\n"
		}
		text = strings.ReplaceAll(text, "|", "\r\n")
		switch who {
		case "C":
			chunks(d.FromClient, text)
		case "S":
			chunks(d.FromServer, text)
		case "TLS":
			d.Upgrade(handshake)
		}
	}
}

const imapLong = 9000

// imapDialogues are dialogues, and what is counted and traced of them when the
// client leaves at the end.
var imapDialogues = map[string]struct{ script, counts, spans string }{
	"a whole session": {`
S * OK [CAPABILITY IMAP4rev1 STARTTLS] ready
C a CAPABILITY
S * CAPABILITY IMAP4rev1
S a OK done
C b LOGIN bob secret
S b OK [CAPABILITY IMAP4rev1] logged in
C c SELECT INBOX
S * 3 EXISTS
S * FLAGS (\Seen)
S c OK [READ-WRITE] selected
C d XYZZY
S d BAD what
C e SELECT nope
S e NO [NONEXISTENT] no
C f NOOP
S f OK done
C g LOGOUT
S * BYE bye
S g OK bye`, "commands 7, errors 2",
		"CAPABILITY ok; LOGIN ok bob; SELECT ok INBOX bob; _OTHER bad bad bob; SELECT no NONEXISTENT nope bob; NOOP ok bob; LOGOUT ok bob"},
	"a bad login": {"S * OK x\nC a LOGIN bob wrong\nS a NO [AUTHENTICATIONFAILED] no",
		"commands 1, errors 1", "LOGIN no AUTHENTICATIONFAILED bob"},
	"authenticated before":   {"S * PREAUTH x\nC a CREATE b\nS a OK", "commands 1", "CREATE ok b"},
	"turned away":            {"S * BYE too many", "", ""},
	"a greeting that fails":  {"S * NO [SERVERBUG] broken", "errors 1", ""},
	"lower case":             {"S * ok x\nC a noop\nS a ok done", "commands 1", "NOOP ok"},
	"bare line feeds":        {"S * OK x|\\\nC a NOOP\nS a OK", "commands 1", "NOOP ok"},
	"UID":                    {"S * OK x\nC a UID FETCH 1 FLAGS\nS a OK\nC b uid\nS b BAD no", "commands 2, errors 1", "FETCH ok; _OTHER bad bad"},
	"pipelined":              {"S * OK x\nC a NOOP|b CREATE x|c CHECK\nS a OK|b NO x|c OK", "commands 3, errors 1", "NOOP ok; CREATE no no x; CHECK ok"},
	"answered out of order":  {"S * OK x\nC a NOOP|b CREATE x|c CHECK\nS c OK|a OK|b NO x", "commands 3, errors 1", "CHECK ok; NOOP ok; CREATE no no x"},
	"the same tag twice":     {"S * OK x\nC a NOOP|a CHECK\nS a OK|a BAD x", "commands 2, errors 1", "NOOP ok; CHECK bad bad"},
	"replies not waited for": {"S * OK x\nC a NOOP|b CHECK\nS a OK", "commands 1", "NOOP ok; CHECK"},
	"nothing said":           {"S * OK x", "", ""},
	"nothing heard":          {"", "", ""},

	"LOGIN with literals":   {"S * OK x\nC a LOGIN {3}\nS + go\nC bob {6}\nS + go\nC secret\nS a OK\nC b CREATE x\nS b OK", "commands 2", "LOGIN ok bob; CREATE ok x bob"},
	"LOGIN with LITERAL+":   {"S * OK x\nC a LOGIN {3+}|bob {6-}|secret\nS a OK\nC b NOOP\nS b OK", "commands 2", "LOGIN ok bob; NOOP ok bob"},
	"a literal too early":   {"S * OK x\nC a CREATE {9}|b NOOP|\\\nC x\nS + go\nS a OK", "commands 1", "CREATE ok b NOOP\ufffd\ufffdx"},
	"a literal refused":     {"S * OK x\nC a CREATE {6}|b NOOP\nS a BAD no\nS b OK", "commands 2, errors 1", "CREATE bad bad; NOOP ok"},
	"LITERAL+ refused":      {"S * OK x\nC a APPEND b {8+}\nS a NO [TOOBIG] no\nC b NOOP|\nC c NOOP\nS c OK", "commands 2, errors 1", "APPEND no TOOBIG b; NOOP ok"},
	"an empty literal":      {"S * OK x\nC a CREATE {0}\nS + go\nC \nS a NO x", "commands 1, errors 1", "CREATE no no"},
	"literal8":              {"S * OK x\nC a APPEND b ~{4}\nS + go\nC x|y\nS a OK", "commands 1", "APPEND ok b"},
	"APPEND of two":         {"S * OK x\nC a APPEND b {3+}|abc {10+}|c DELETE|\nS a OK", "commands 1", "APPEND ok b"},
	"no literal":            {`S * OK x` + "\n" + `C a CREATE "x{5}"` + "\nS a OK\nC b CREATE \"x{5}\nS b BAD x\nC c NOOP {5\nS c BAD x\nC d NOOP {99999999999999999999}\nS d BAD x", "commands 4, errors 3", "CREATE ok x{5}; CREATE bad bad x{5}; NOOP bad bad; NOOP bad bad"},
	"an answer's literals":  {"S * OK x\nC a FETCH 1 BODY[]\nS * 1 FETCH (BODY[] {11}|a NO x|+ B) BODY[1] {0}| FLAGS ())\nS a OK", "commands 1", "FETCH ok"},
	"no literal of answers": {"S * OK x\nC a NOOP\nS * OK [ALERT] {5}|* NO {7}|* LIST () \"/\" \"{5}\"\nS a OK", "commands 1", "NOOP ok"},
	"a long answer":         {"S * OK x\nC a FETCH 1 X\nS * 1 FETCH (X " + strings.Repeat("x", imapLong) + " {4}|a NO)\nS a OK", "commands 1", "FETCH ok"},
	"a long line":           {"S * OK x\nC a FETCH " + strings.Repeat("1,", imapLong) + " X {3+}|abc\nS a OK", "commands 1", "FETCH ok"},

	"IDLE":                     {"S * OK x\nC a SELECT b\nS a OK\nC b IDLE\nS + idling|* 4 EXISTS\nC DONE\nS b OK", "commands 2", "SELECT ok b; IDLE ok b"},
	"IDLE and DONE at once":    {"S * OK x\nC b IDLE|DONE|c NOOP\nS + idling|b OK|c OK", "commands 2", "IDLE ok; NOOP ok"},
	"IDLE refused":             {"S * OK x\nC b IDLE|c NOOP\nS b NO x|c OK", "commands 2, errors 1", "IDLE no no; NOOP ok"},
	"IDLE ended the wrong way": {"S * OK x\nC b IDLE\nS + idling\nC c NOOP\nS b BAD x\nC d NOOP\nS d OK", "commands 2, errors 1", "IDLE bad bad; NOOP ok"},
	"IDLE ended by the server": {"S * OK x\nC b IDLE\nS + idling|b NO x\nC d NOOP\nS d OK", "commands 2, errors 1", "IDLE no no; NOOP ok"},
	"left in IDLE":             {"S * OK x\nC b IDLE\nS + idling", "", ""},

	"AUTHENTICATE":              {"S * OK x\nC a AUTHENTICATE TALK\nS + Zm9v\nC YmFy\nS + \nC Yg==\nS a OK\nC b NOOP\nS b OK", "commands 2", "AUTHENTICATE ok; NOOP ok"},
	"AUTHENTICATE PLAIN":        {"S * OK x\nC a AUTHENTICATE PLAIN\nS + \nC AGJvYgBzZWNyZXQ=\nS a OK\nC b NOOP\nS b OK", "commands 2", "AUTHENTICATE ok bob; NOOP ok bob"},
	"AUTHENTICATE PLAIN, IR":    {"S * OK x\nC a authenticate plain AGJvYgBzZWNyZXQ=\nS a OK\nC b NOOP\nS b OK", "commands 2", "AUTHENTICATE ok bob; NOOP ok bob"},
	"AUTHENTICATE, no base64":   {"S * OK x\nC a AUTHENTICATE PLAIN &\nS a BAD x\nC b AUTHENTICATE PLAIN\nS + \nC &\nS b BAD x", "commands 2, errors 2", "AUTHENTICATE bad bad; AUTHENTICATE bad bad"},
	"AUTHENTICATE cancelled":    {"S * OK x\nC a AUTHENTICATE TALK\nS + \nC *\nS a BAD x\nC b NOOP\nS b OK", "commands 2, errors 1", "AUTHENTICATE bad bad; NOOP ok"},
	"AUTHENTICATE refused":      {"S * OK x\nC a AUTHENTICATE X|b NOOP\nS a NO x|b OK", "commands 2, errors 1", "AUTHENTICATE no no; NOOP ok"},
	"AUTHENTICATE in advance":   {"S * OK x\nC a AUTHENTICATE PLAIN|AGJvYgBzZWNyZXQ=|b NOOP\nS + |a OK|b OK", "commands 2", "AUTHENTICATE ok bob; NOOP ok bob"},
	"left in AUTHENTICATE":      {"S * OK x\nC a AUTHENTICATE PLAIN\nS + ", "commands 1, errors 1", "AUTHENTICATE broken eof"},
	"left in APPEND":            {"S * OK x\nC a APPEND b {99}\nS + go\nC not all", "commands 1, errors 1", "APPEND broken eof b"},
	"left in a line":            {"S * OK x\nC a NOO\\", "", ""},
	"UNAUTHENTICATE":            {"S * OK x\nC a LOGIN bob x\nS a OK\nC b UNAUTHENTICATE\nS b OK\nC c NOOP\nS c OK", "commands 3", "LOGIN ok bob; UNAUTHENTICATE ok bob; NOOP ok"},
	"STARTTLS":                  {"S * OK x\nC a STARTTLS|b NOOP\nS a OK go|b OK\nC \x16\x03|x\nS \x16\x03|y\nTLS\nC c NOOP\nS c OK", "commands 2, starttls 1", "STARTTLS ok; NOOP ok"},
	"STARTTLS refused":          {"S * OK x\nC a STARTTLS|b NOOP\nS a NO x|b OK", "commands 2, errors 1", "STARTTLS no no; NOOP ok"},
	"STARTTLS, no handshake":    {"S * OK x\nC a STARTTLS\nS a OK go\nC \x00\x01|", "commands 1, errors 1", "STARTTLS ok"},
	"STARTTLS and nothing more": {"S * OK x\nC a STARTTLS\nS a OK go\nTLS", "commands 1, starttls 1", "STARTTLS ok"},
	"COMPRESS":                  {"S * OK x\nC a COMPRESS DEFLATE\nS a OK\nC \x01|\x02\nS \x03|", "commands 1, telemetry 1", "_OTHER ok"},
	"COMPRESS refused":          {"S * OK x\nC a COMPRESS DEFLATE\nS a NO [CANNOT] x\nC b NOOP\nS b OK", "commands 2, errors 1", "_OTHER no CANNOT; NOOP ok"},

	"no command, tagged":         {"S * OK x\nC a\nS a BAD x\nC b NOOP\nS b OK", "commands 2, errors 1", "_OTHER bad bad; NOOP ok"},
	"no command, untagged":       {"S * OK x\nC \nS * BAD x\nC b NOOP\nS b OK", "commands 1, errors 1", "NOOP ok"},
	"no command, hung up on":     {"S * OK x\nC a NOOP||\nS a OK", "commands 1, errors 1", "NOOP ok"},
	"no command, passed by":      {"S * OK x\nC |a NOOP\nS a OK", "commands 1", "NOOP ok"},
	"a tag that is none":         {"S * OK x\nC a\x80* NOOP\nS * BAD x\nC b\xff NOOP\nS b\xff OK", "commands 1, errors 1", "NOOP; NOOP ok"},
	"a literal behind a bad tag": {"S * OK x\nC \\* LOGIN {3}\nS * BAD x\nC b NOOP\nS b OK", "commands 1, errors 1", "LOGIN; NOOP ok"},
	"no command, then a bad tag": {"S * OK x\nC |+ NOOP\nS * BAD x|+ OK", "commands 1, errors 1", "NOOP ok"},
	"the tag +":                  {"S * OK x\nC + CREATE {1}\nS + go\nC b\nS + NO x\nC + NOOP\nS + OK x", "commands 2, errors 1", "CREATE no no b; NOOP ok"},
	"the tag +, cut off":         {"S * OK x\nC + NOOP\\\nS + BAD x", "commands 1, errors 1", "_OTHER bad bad"},
	"tags like results":          {"S * OK x\nC OK NOOP\nS OK OK\nC BAD NOOP\nS BAD NO x\nC BYE NOOP\nS BYE BAD", "commands 3, errors 2", "NOOP ok; NOOP no no; NOOP bad bad"},
	"a long tag":                 {"S * OK x\nC " + strings.Repeat("t", 5000) + " NOOP\nS " + strings.Repeat("t", 5000) + " OK", "commands 1", "NOOP ok"},
	"a tagged BYE":               {"S * OK x\nC a CREATE b\nS a BYE [UNAVAILABLE] x", "commands 1, errors 1", "CREATE no UNAVAILABLE b"},
	"BYE by the server":          {"S * OK x\nC b IDLE\nS + idling|* BYE shutdown", "", ""},
	"no IMAP":                    {"S 220 mail ESMTP", "telemetry 1", ""},
	"no IMAP any more":           {"S * OK x\nC a NOOP\nS \x16\x03\x01|\nS a OK", "telemetry 1", "NOOP"},

	"modified UTF-7":   {"S * OK x\nC a SELECT \"Entw&APw-rfe \\\"1\\\"\"\nS a OK\nC b FETCH 1 X\nS b OK", "commands 2", `SELECT ok Entw&APw-rfe "1"; FETCH ok Entw&APw-rfe "1"`},
	"UTF-8":            {"S * OK x\nC a ENABLE UTF8=ACCEPT\nS * ENABLED UTF8=ACCEPT|a OK\nC b EXAMINE \"Entwürfe\"\nS b OK", "commands 2", "ENABLE ok; EXAMINE ok Entwürfe"},
	"a literal's name": {"S * OK x\nC a STATUS {3+}|foo (MESSAGES)\nS a OK", "commands 1", "STATUS ok foo"},
	"GETMETADATA":      {"S * OK x\nC a GETMETADATA (DEPTH 1) foo /x\nS a OK\nC b GETMETADATA bar (/x /y)\nS b OK", "commands 2", "GETMETADATA ok foo; GETMETADATA ok bar"},
	"CLOSE":            {"S * OK x\nC a SELECT b\nS a OK\nC c CLOSE\nS c OK\nC d NOOP\nS d OK", "commands 3", "SELECT ok b; CLOSE ok b; NOOP ok"},
}

func TestIMAPDialogue(t *testing.T) {
	for name, test := range imapDialogues {
		t.Run(name, func(t *testing.T) {
			for _, size := range []int{0, 1, 2, 3, 7, 100, 4096} {
				w := newIMAPWorld(t)
				d := observe.NewIMAPDialogue(w.tel, otelmail.Conn{})
				play(d, test.script, size)
				d.Lost(otelmail.CauseEOF)
				d.End(otelmail.CauseNone)
				d.End(otelmail.CauseReset)
				if got := w.counts(); got != test.counts {
					t.Errorf("%d bytes at a time: %q, want %q", size, got, test.counts)
				}
				if got := strings.Join(w.ended(), "; "); got != test.spans {
					t.Errorf("%d bytes at a time: spans\n%s\nwant\n%s", size, got, test.spans)
				}
				if len(w.spans.Started()) != len(w.spans.Ended()) {
					t.Errorf("%d spans begun, %d ended", len(w.spans.Started()), len(w.spans.Ended()))
				}
			}
		})
	}
}

// Cut anywhere, a dialogue is the same.
func TestIMAPDialogueCutAnywhere(t *testing.T) {
	test := imapDialogues["a whole session"]
	for cut := 1; cut < 60; cut++ {
		w := newIMAPWorld(t)
		d := observe.NewIMAPDialogue(w.tel, otelmail.Conn{})
		play(d, test.script, cut)
		d.End(otelmail.CauseNone)
		if got := w.counts(); got != test.counts {
			t.Errorf("cut at %d: %q, want %q", cut, got, test.counts)
		}
	}
}

func TestIMAPDialogueThatBreaks(t *testing.T) {
	for name, test := range map[string]struct {
		script string
		cause  otelmail.Cause
		counts string
		spans  string
	}{
		"between commands":      {"S * OK x\nC a NOOP\nS a OK", otelmail.CauseReset, "commands 1, errors 1", "NOOP ok"},
		"in a command":          {"S * OK x\nC a NOOP|b CHECK", otelmail.CauseReset, "commands 1, errors 1", "NOOP broken connection_reset; CHECK"},
		"in IDLE":               {"S * OK x\nC a IDLE\nS + x", otelmail.CauseTimeout, "commands 1, errors 1", "IDLE broken timeout"},
		"the server, idle":      {"S * OK x\nC a NOOP\nS a OK", otelmail.CauseCanceled, "commands 1", "NOOP ok"},
		"the server, in IDLE":   {"S * OK x\nC a IDLE\nS + x", otelmail.CauseCanceled, "commands 1, errors 1", "IDLE broken canceled"},
		"the server, after BYE": {"S * OK x\nC a IDLE\nS + x|* BYE x", otelmail.CauseCanceled, "", ""},
		"the server, at work":   {"S * OK x\nC a CREATE x\nS * BYE panic", otelmail.CauseCanceled, "commands 1, errors 1", "CREATE broken canceled x"},
		"the server, LOGOUT":    {"S * OK x\nC a LOGOUT\nS * BYE x", otelmail.CauseCanceled, "", "LOGOUT"},
		"the server, no line":   {"S * OK x\nC ", otelmail.CauseCanceled, "errors 1", ""},
		"after COMPRESS":        {"S * OK x\nC a COMPRESS DEFLATE\nS a OK", otelmail.CauseReset, "commands 1, errors 1, telemetry 1", "_OTHER ok"},
	} {
		t.Run(name, func(t *testing.T) {
			w := newIMAPWorld(t)
			d := observe.NewIMAPDialogue(w.tel, otelmail.Conn{})
			play(d, test.script, 0)
			if test.cause != otelmail.CauseCanceled { // that is: the server itself
				d.Lost(test.cause)
			}
			d.End(otelmail.CauseNone)
			if got := w.counts(); got != test.counts {
				t.Errorf("%q, want %q", got, test.counts)
			}
			if got := strings.Join(w.ended(), "; "); got != test.spans {
				t.Errorf("spans %s, want %s", got, test.spans)
			}
		})
	}
}

func TestIMAPInOrder(t *testing.T) {
	w := newIMAPWorld(t)
	d := observe.NewIMAPDialogue(w.tel, otelmail.Conn{}, observe.IMAPInOrder())
	play(d, "S * OK x\nC a NOOP|b CHECK|c CREATE x\nS b OK|c OK", 0)
	if got, want := strings.Join(w.ended(), "; "), "NOOP broken protocol; CHECK ok; CREATE ok x"; got != want {
		t.Errorf("spans %s, want %s", got, want)
	}
}

func TestIMAPDecompressed(t *testing.T) {
	w := newIMAPWorld(t)
	d := observe.NewIMAPDialogue(w.tel, otelmail.Conn{}, observe.IMAPDecompressed())
	play(d, "S * OK x\nC a COMPRESS DEFLATE\nS a OK\nC b NOOP\nS b OK", 0)
	d.End(otelmail.CauseNone)
	if got, want := w.counts(), "commands 2"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
}

func TestIMAPUser(t *testing.T) {
	for name, test := range map[string]struct {
		user func(string) string
		want string
	}{
		"named":  {func(name string) string { return "Mr " + name }, "LOGIN ok; NOOP ok Mr bob"},
		"panics": {func(string) string { panic("no") }, "LOGIN ok; NOOP ok"},
	} {
		t.Run(name, func(t *testing.T) {
			w := newIMAPWorld(t)
			d := observe.NewIMAPDialogue(w.tel, otelmail.Conn{}, observe.IMAPUser(test.user), nil)
			play(d, "S * OK x\nC a LOGIN bob x\nS a OK\nC b NOOP\nS b OK", 0)
			if got := strings.Join(w.ended(), "; "); got != test.want {
				t.Errorf("spans %s, want %s", got, test.want)
			}
		})
	}
}

func TestIMAPFacts(t *testing.T) {
	w := newIMAPWorld(t)
	d := observe.NewIMAPDialogue(w.tel, otelmail.Conn{})
	none := d.Context()
	play(d, "S * OK x\nC a AUTHENTICATE TALK\nS + \nC x", 0)
	if d.Context() == none {
		t.Error("AUTHENTICATE has no context of its own")
	}
	play(d, "S a OK", 0)
	d.User("bob")
	if d.Context() != none {
		t.Error("the context of a command that is over")
	}
	play(d, "C b CREATE x", 0)
	d.Cause(otelmail.CausePanic)
	play(d, "S b NO [SERVERBUG] x\nC c CREATE y", 0)
	d.Cause(otelmail.CausePanic)
	play(d, "S c OK", 0)
	if got, want := strings.Join(w.ended(), "; "), "AUTHENTICATE ok; CREATE no panic x bob; CREATE ok y bob"; got != want {
		t.Errorf("spans %s, want %s", got, want)
	}
}

// More commands in progress than are followed are counted nevertheless.
func TestIMAPTooManyCommands(t *testing.T) {
	w := newIMAPWorld(t)
	d := observe.NewIMAPDialogue(w.tel, otelmail.Conn{})
	play(d, "S * OK x", 0)
	const n = 200
	for i := range n {
		play(d, fmt.Sprintf("C a%d CREATE {3+}|foo", i), 0)
	}
	for i := range n {
		play(d, fmt.Sprintf("S a%d NO x", i), 0)
	}
	d.End(otelmail.CauseNone)
	if got, want := w.counts(), fmt.Sprintf("commands %d, errors %d", n, n); got != want {
		t.Errorf("%q, want %q", got, want)
	}
}

// No password is in what a dialogue keeps, nor in a span.
func TestIMAPNoPassword(t *testing.T) {
	w := newIMAPWorld(t)
	d := observe.NewIMAPDialogue(w.tel, otelmail.Conn{})
	play(d, "S * OK x\nC a LOGIN bob PassWord1\nS a OK\nC b LOGIN {3}|bob {9}|PassWord1\nS + go|+ go|b OK\n"+
		"C c AUTHENTICATE PLAIN AGJvYgBQYXNzV29yZDE=\nS c OK\nC d AUTHENTICATE PLAIN|AGJvYgBQYXNzV29yZDE=\nS + |d OK", 1)
	if text := fmt.Sprintf("%+v %s", d, w.ended()); strings.Contains(text, "PassWord1") || strings.Contains(text, "80 97 115 115") ||
		strings.Contains(text, "AGJvYgBQYXNz") || strings.Contains(text, "65 71 74 118") {
		t.Errorf("a password in %s", text)
	}
}

func TestIMAPIdle(t *testing.T) {
	w := newIMAPWorld(t)
	d := observe.NewIMAPDialogue(w.tel, otelmail.Conn{})
	for i, step := range []struct {
		script string
		want   any
	}{
		{"S * OK x", true}, {`C a NO\`, false}, {"C OP", false}, {"S a OK", true},
		{"C b CREATE {3}", false}, {"S + ", false}, {"C foo", false}, {"S b NO x", true},
		{"C c IDLE", false}, {"S + idling", "IDLE"}, {"C DONE", false}, {"S c OK", true},
		{"C d AUTHENTICATE X", false}, {"S + ", false}, {"C x", false}, {"S d OK", true},
		{"C e STARTTLS", false}, {"S e OK", false}, {"TLS", true},
	} {
		play(d, step.script, 0)
		if got := d.Idle(); got != (step.want == true) {
			t.Errorf("step %d, %s: idle %v, want %v", i, step.script, got, step.want)
		}
		if got := d.Idling(); got != (step.want == "IDLE") {
			t.Errorf("step %d, %s: in IDLE %v, want %v", i, step.script, got, step.want)
		}
	}
}
