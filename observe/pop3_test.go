package observe_test

import (
	"crypto/tls"
	"fmt"
	"slices"
	"strings"
	"testing"

	"go.opentelemetry.io/otel/codes"

	"github.com/rusmes/otelmail"
	"github.com/rusmes/otelmail/observe"
)

// pop3World is a Telemetry and everything it has recorded.
type pop3World struct{ *world }

func newPOP3World(t testing.TB) *pop3World {
	t.Helper()
	return &pop3World{newWorld(t, otelmail.WithPrivacy(otelmail.PrivacyFull))}
}

func (w *pop3World) value(name string, labels ...string) int64 {
	w.t.Helper()
	v, err := w.tel.Value(name, labels...)
	if err != nil {
		w.t.Fatal(err)
	}
	return v
}

// ended returns the spans that have ended as "name user error.type", and nothing
// that is not allowed to show.
func (w *pop3World) ended() (all []string) {
	w.t.Helper()
	for _, s := range w.spans.Ended() {
		user, failure := "", ""
		for _, kv := range s.Attributes() {
			switch kv.Key {
			case "user.id":
				user = kv.Value.AsString()
			case "error.type":
				failure = kv.Value.AsString()
			}
			if v := kv.Value.String(); strings.Contains(v, "secret") || strings.Contains(v, "digest") {
				w.t.Errorf("%s: %s shows %q", s.Name(), kv.Key, v)
			}
		}
		if (failure != "") != (s.Status().Code == codes.Error) {
			w.t.Errorf("%s: status %v", s.Name(), s.Status())
		}
		all = append(all, strings.TrimRight(strings.TrimPrefix(s.Name(), "POP3 ")+" "+user+" "+failure, " "))
	}
	return all
}

var handshaken = tls.ConnectionState{HandshakeComplete: true, Version: tls.VersionTLS13}

// pop3Dialogues are dialogues, a line of which begins with C or S; U is the
// handshake after STLS.
var pop3Dialogues = []struct {
	name, dialogue string
	want           []string
	unfollowed     bool
}{
	{"USER and PASS", "S +OK ready|C USER bob@example.org|S +OK|C PASS secret|S +OK|C STAT|S +OK 2 320|C quit|S +OK",
		[]string{"USER bob@example.org", "PASS bob@example.org", "STAT bob@example.org", "QUIT bob@example.org", "session"}, false},
	{"a login that fails", "S +OK|C USER bob|S +OK|C PASS wrong secret|S -ERR no|C PASS secret or not|S -ERR|C NOOP|S -ERR|C QUIT|S +OK",
		[]string{"USER bob", "PASS bob err", "PASS  err", "NOOP  err", "QUIT", "session"}, false},
	{"APOP", "S +OK <1.2@x>|C APOP bob digest|S +OK|C DELE 1|S -ERR [SYS/TEMP]|C RSET|S +OK",
		[]string{"APOP bob", "DELE bob err", "RSET bob", "session"}, false},
	{"names with blanks", "S +OK|C USER bob the third |S +OK|C  apop bob  digest |S -ERR",
		[]string{"USER bob the third", "APOP bob err", "session"}, false},
	{"lists", "S +OK|C LIST|S +OK 2|S 1 120|S 2 200|S .|C LIST 2|S +OK 2 200|C UIDL|S +OK|S .|C UIDL 1|S +OK 1 x|C LIST 3|S -ERR|C LIST |S +OK|S .|C UIDL  1|S -ERR|C CAPA|S +OK|S TOP|S .|C CAPA|S -ERR",
		[]string{"LIST", "LIST", "UIDL", "UIDL", "LIST  err", "LIST", "UIDL  err", "CAPA", "CAPA  err", "session"}, false},
	{"messages", "S +OK|C RETR 1|S +OK|S Subject: +OK|S |S ..|S .x|S -ERR|S . |S .|C TOP 1 0|S +OK|S .|C RETR 2|S -ERR|C NOOP|S +OK",
		[]string{"RETR", "TOP", "RETR  err", "NOOP", "session"}, false},
	{"a message with lone LF", "S +OK|C RETR 1|S +OK|S a\nb\n.\nc|S d\n.|C NOOP|S +OK", []string{"RETR", "NOOP", "session"}, false},
	{"odd lines", "S +OK|C XYZZY secret|S -ERR|C |S -ERR|C TOP " + strings.Repeat("1", 300) + "|S -ERR|C \x00\xff|S -ERR|C STATS|S -ERR|C ST|S -ERR|C NOOP|S +OK",
		[]string{"_OTHER  err", "_OTHER  err", "TOP  err", "_OTHER  err", "_OTHER  err", "_OTHER  err", "NOOP", "session"}, false},
	{"empty lines that nobody answers", "S +OK|C |C |C NOOP|S +OK|C |C STAT|S -ERR|C NOOP|S +OK", []string{"NOOP", "STAT  err", "NOOP", "session"}, false},
	{"a line longer than anything", "S +OK|C USER bob|S +OK|C PASS " + strings.Repeat("secret", 9000) + "|S -ERR|C NOOP|S +OK", []string{"USER bob", "PASS bob err", "NOOP", "session"}, false},
	{"AUTH", "S +OK|C AUTH PLAIN|S + |C c2VjcmV0|S +OK|C NOOP|S +OK", []string{"AUTH", "NOOP", "session"}, false},
	{"AUTH in steps", "S +OK|C AUTH LOGIN|S + VXNlcjo=|C Ym9i|S +|C c2VjcmV0|S -ERR|C AUTH X|S -ERR|C QUIT|S +OK", []string{"AUTH  err", "AUTH  err", "QUIT", "session"}, false},
	{"AUTH whose answer looks like a command", "S +OK|C AUTH PLAIN|S + |C QUIT|S -ERR|C NOOP|S +OK", []string{"AUTH  err", "NOOP", "session"}, false},
	{"AUTH cancelled", "S +OK|C AUTH CRAM-MD5|S + PDEuMkB4Pg==|C *|S -ERR|C NOOP|S -ERR", []string{"AUTH  err", "NOOP  err", "session"}, false},
	{"AUTH with an initial response", "S +OK|C AUTH PLAIN c2VjcmV0|S +OK|C LIST|S +OK|S .", []string{"AUTH", "LIST", "session"}, false},
	{"AUTH that lists mechanisms", "S +OK|C AUTH|S +OK|S PLAIN|S .|C AUTH|S -ERR", []string{"AUTH", "AUTH  err", "session"}, false},
	{"STLS", "S +OK|C USER mallory|S +OK|C STLS|S +OK|U|C PASS secret|S +OK|C NOOP|S +OK", []string{"USER mallory", "STLS", "PASS", "NOOP", "session"}, false},
	{"STLS refused", "S +OK|C STLS|S -ERR|C NOOP|S +OK", []string{"STLS  err", "NOOP", "session"}, false},
	{"STLS whose handshake fails", "S +OK|C STLS|S +OK|S -ERR no|C NOOP|S +OK", []string{"STLS", "NOOP", "session"}, false},
	{"STLS without a handshake", "S +OK|C STLS|S +OK", []string{"STLS", "session  tls_handshake"}, false},
	{"the server leaves", "S +OK|C NOOP|S +OK|S -ERR idle", []string{"NOOP", "session"}, false},
	{"refused at once", "S -ERR full", []string{"session"}, false},
	{"a command before the greeting", "C NOOP|S +OK|S +OK|C STAT|S +OK", []string{"NOOP", "STAT", "session"}, false},
	{"no reply", "S +OK|C STAT", []string{"STAT  eof", "session"}, false},
	{"half a reply", "S +OK|C RETR 1|S +OK|S a", []string{"RETR  eof", "session"}, false},
	{"what comes after QUIT", "S +OK|C QUIT|S +OK|C NOOP|S GET / HTTP/1.1", []string{"QUIT", "session"}, false},
	{"lower case", "S +ok|C noop|S +ok|C noop|S -err", []string{"NOOP", "NOOP  err", "session"}, false},
	{"no POP3 server", "S 220 smtp|C EHLO x|S 250 x", []string{"session"}, true},
	{"a reply to nothing", "S +OK|S +OK|C NOOP|S +OK", []string{"session"}, true},
	{"a challenge to nothing", "S +OK|C NOOP|S + |C STAT|S +OK", []string{"NOOP  protocol", "session"}, true},
	{"nonsense", "S +OK|C NOOP|S OK|C STAT|S +OK", []string{"NOOP  protocol", "session"}, true},
}

// pop3Steps are the lines of a dialogue; those of one side that follow each other
// are joined.
func pop3Steps(dialogue string) (steps []string) {
	for line := range strings.SplitSeq(dialogue, "|") {
		text := line[:1] + strings.TrimPrefix(line[1:], " ") + "\r\n"
		if n := len(steps); n > 0 && steps[n-1][0] == text[0] && text[0] != 'U' {
			steps[n-1] += text[1:]
			continue
		}
		steps = append(steps, text)
	}
	return steps
}

// play gives a dialogue in the pieces that cut makes of a side's words.
func (w *pop3World) play(steps []string, cut func(string) []string) {
	d := observe.NewPOP3Dialogue(w.tel, otelmail.Conn{})
	for _, step := range steps {
		if step[0] == 'U' {
			d.Upgrade(handshaken)
			continue
		}
		for _, piece := range cut(step[1:]) {
			if step[0] == 'C' {
				d.FromClient([]byte(piece))
			} else {
				d.FromServer([]byte(piece))
			}
		}
	}
	d.End(otelmail.CauseNone)
	d.End(otelmail.CauseReset)
}

func TestPOP3Dialogues(t *testing.T) {
	for _, tt := range pop3Dialogues {
		t.Run(tt.name, func(t *testing.T) {
			check := func(how string, w *pop3World) {
				t.Helper()
				if got := w.ended(); !slices.Equal(got, tt.want) {
					t.Fatalf("%s: got %q, want %q", how, got, tt.want)
				}
				if got := w.value("telemetry_unfollowed_sessions_total", "pop3"); (got == 1) != tt.unfollowed || got > 1 {
					t.Fatalf("%s: %d unfollowed", how, got)
				}
				if begun := len(w.spans.Started()); begun != len(tt.want) || w.value("active_connections", "pop3") != 0 {
					t.Fatalf("%s: %d spans begun, %d ended", how, begun, len(tt.want))
				}
			}
			steps := pop3Steps(tt.dialogue)
			run := func(how string, steps []string, cut func(string) []string) {
				t.Helper()
				w := newPOP3World(t)
				w.play(steps, cut)
				check(how, w)
			}
			run("whole", steps, func(s string) []string { return []string{s} })
			run("bytes", steps, func(s string) []string { return strings.Split(strings.ToValidUTF8(s, "?"), "") })
			for at := range min(len(tt.dialogue), 200) {
				run(fmt.Sprintf("cut at %d", at), steps, func(s string) []string {
					return []string{s[:min(at, len(s))], s[min(at, len(s)):]}
				})
			}
			if strings.ContainsAny(tt.dialogue, "\n") || strings.Contains(tt.dialogue, "C STLS|S +OK|") || tt.unfollowed || !strings.HasPrefix(tt.dialogue, "S") {
				return
			}
			var client, server string
			for _, step := range steps {
				if step[0] == 'C' {
					client += step[1:]
				} else {
					server += step[1:]
				}
			}
			run("pipelined", []string{"C" + client, "S" + server}, func(s string) []string { return []string{s} })
			run("pipelined in bytes", []string{"C" + client, "S" + server}, func(s string) []string { return strings.Split(strings.ToValidUTF8(s, "?"), "") })
		})
	}
}

// What is sent ahead of the handshake in plaintext is not taken for what is said inside.
func TestPOP3ForgetsWhatWasSentAheadOfTLS(t *testing.T) {
	w := newPOP3World(t)
	w.play([]string{"S+OK\r\n", "CSTLS\r\nUSER mallory\r\nPASS", "S+OK\r\n", "U", "CPASS secret\r\n", "S-ERR\r\n"},
		func(s string) []string { return []string{s} })
	if got, want := w.ended(), []string{"STLS", "PASS  err", "session"}; !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
	if n := w.value("tls_sessions_total", "starttls"); n != 1 {
		t.Errorf("%d upgraded", n)
	}
}

// A client that sends more ahead than is remembered costs no more memory.
func TestPOP3BoundsWhatIsSentAhead(t *testing.T) {
	for n, unfollowed := range map[int]int64{1025: 0, 1026: 1, 100_000: 1} { // one of them is in progress
		w := newPOP3World(t)
		w.play([]string{"S+OK\r\n", "C" + strings.Repeat("NOOP\r\n", n), "S" + strings.Repeat("+OK\r\n", n)},
			func(s string) []string { return []string{s} })
		if got := w.value("telemetry_unfollowed_sessions_total", "pop3"); got != unfollowed {
			t.Errorf("%d commands: %d unfollowed", n, got)
		}
		if got := len(w.ended()); unfollowed == 0 && got != n+1 {
			t.Errorf("%d commands: %d spans", n, got)
		}
	}
}

// Some servers take what the client leaves without its end for a line, others do not.
func TestPOP3LastLineWithoutItsEnd(t *testing.T) {
	for reply, want := range map[string][]string{
		"-ERR\r\n": {"USER bob err", "session"},
		"":         {"session  eof"},
	} {
		w := newPOP3World(t)
		d := observe.NewPOP3Dialogue(w.tel, otelmail.Conn{})
		d.FromServer([]byte("+OK\r\n"))
		d.FromClient([]byte("USER bob"))
		d.Lost(otelmail.CauseEOF)
		d.FromServer([]byte(reply))
		d.End(otelmail.CauseNone)
		if got := w.ended(); !slices.Equal(got, want) {
			t.Errorf("%q: got %q, want %q", reply, got, want)
		}
	}
}

// A server need not wait for the end of a line that is too long to refuse it.
func TestPOP3LineRefusedBeforeItsEnd(t *testing.T) {
	long := strings.Repeat("x", 300)
	for rest, want := range map[string][]string{
		"\r\nNOOP\r\n":                        {"USER", "TOP  err", "NOOP", "session"},
		long + long + "\r\nNOOP\r\n":          {"USER", "TOP  err", "NOOP", "session"},
		"\nUSER bob\r\n":                      {"USER", "TOP  err", "USER bob", "session"},
		long + "\r\n" + long + "\r\nNOOP\r\n": {"USER", "TOP  err", "_OTHER", "NOOP  eof", "session"},
	} {
		w := newPOP3World(t)
		w.play([]string{"S+OK\r\n", "CUSER\r\nTOP " + long, "S+OK\r\n-ERR\r\n", "C" + rest, "S+OK\r\n"},
			func(s string) []string { return []string{s[:len(s)/2], s[len(s)/2:]} })
		if got := w.ended(); !slices.Equal(got, want) {
			t.Errorf("%.20q: got %q, want %q", rest, got, want)
		}
	}
}

// The server knows who has logged in with AUTH.
func TestPOP3User(t *testing.T) {
	w := newPOP3World(t)
	d := observe.NewPOP3Dialogue(w.tel, otelmail.Conn{})
	d.FromServer([]byte("+OK\r\n"))
	for _, reply := range []string{"-ERR", "+OK"} {
		d.FromClient([]byte("AUTH PLAIN\r\n"))
		d.FromServer([]byte("+ \r\n"))
		d.FromClient([]byte("c2VjcmV0\r\n"))
		d.User("carol@example.org")
		d.FromServer([]byte(reply + "\r\n"))
		d.FromClient([]byte("STAT\r\n"))
		d.Cause(otelmail.CauseStorage)
		d.FromServer([]byte(reply + "\r\n"))
	}
	d.End(otelmail.CauseTimeout)
	want := []string{"AUTH carol@example.org err", "STAT  storage", "AUTH carol@example.org", "STAT carol@example.org", "session  timeout"}
	if got := w.ended(); !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestPOP3Context(t *testing.T) {
	w := newPOP3World(t)
	d := observe.NewPOP3Dialogue(w.tel, otelmail.Conn{})
	between := d.Context()
	d.FromServer([]byte("+OK\r\n"))
	d.FromClient([]byte("RETR 1\r\n"))
	during := d.Context()
	d.FromServer([]byte("+OK\r\n.\r\n"))
	if after := d.Context(); after != between || during == between {
		t.Error("the context is not that of the command in progress")
	}
	d.End(otelmail.CauseNone)
}

// A megabyte in a chunk costs a search, and no memory.
func TestPOP3CopiesNoMessage(t *testing.T) {
	d := observe.NewPOP3Dialogue(nil, otelmail.Conn{})
	d.FromServer([]byte("+OK\r\n"))
	d.FromClient([]byte("RETR 1\r\n"))
	d.FromServer([]byte("+OK\r\n"))
	chunk := []byte(strings.Repeat("x", 70) + "\r\n.")
	if n := testing.AllocsPerRun(1000, func() { d.FromServer(chunk) }); n > 0 {
		t.Errorf("%v allocations", n)
	}
}

func FuzzPOP3Dialogue(f *testing.F) {
	for _, tt := range pop3Dialogues {
		f.Add([]byte(strings.Join(pop3Steps(tt.dialogue), "\x00")), uint8(7))
	}
	f.Fuzz(func(t *testing.T, in []byte, piece uint8) {
		w := newPOP3World(t)
		var steps []string
		for step := range strings.SplitSeq(string(in), "\x00") {
			if len(step) > 0 {
				steps = append(steps, step)
			}
		}
		w.play(steps, func(s string) (pieces []string) {
			for len(s) > 0 {
				n := min(len(s), int(piece)+1)
				pieces, s = append(pieces, s[:n]), s[n:]
			}
			return pieces
		})
		if begun, ended := len(w.spans.Started()), len(w.spans.Ended()); begun != ended {
			t.Errorf("%d spans begun, %d ended", begun, ended)
		}
	})
}
