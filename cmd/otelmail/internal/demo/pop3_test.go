package demo

import (
	"bufio"
	"bytes"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/textproto"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/rusmes/otelmail"
)

// fill appends messages to INBOX.
func fill(t *testing.T, s *mailStore, texts ...string) {
	t.Helper()
	for _, text := range texts {
		if err := s.append(t.Context(), inbox, []byte(text)); err != nil {
			t.Fatal(err)
		}
	}
}

// popTalk sends lines and returns what is answered: the greeting and then a
// line for each line, those of a multi-line response joined by "|".
func popTalk(t *testing.T, address string, lines ...string) []string {
	t.Helper()
	conn, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if err := conn.SetDeadline(time.Now().Add(time.Minute)); err != nil {
		t.Fatal(err)
	}
	r := bufio.NewReader(conn)
	answers := []string{popAnswer(t, r, false)}
	for _, line := range lines {
		fmt.Fprintf(conn, "%s\r\n", line)
		verb, argument, _ := strings.Cut(line, " ")
		multi := slices.Contains([]string{"CAPA", "RETR", "TOP"}, verb) ||
			argument == "" && slices.Contains([]string{"LIST", "UIDL"}, verb)
		answers = append(answers, popAnswer(t, r, multi))
	}
	return answers
}

func popAnswer(t *testing.T, r *bufio.Reader, multi bool) string {
	t.Helper()
	var lines []string
	for {
		line, err := r.ReadString('\n')
		if err != nil || !strings.HasSuffix(line, "\r\n") {
			t.Fatalf("answer %q %q: %v", lines, line, err)
		}
		line = strings.TrimSuffix(line, "\r\n")
		if multi && line == "." {
			return strings.Join(lines, "|")
		}
		lines = append(lines, line)
		if !multi || strings.HasPrefix(lines[0], "-ERR") {
			return strings.Join(lines, "|")
		}
	}
}

const (
	first  = "Subject: one\r\n\r\nline 1\r\n.dot\r\n..\r\nline 4\r\n" // 42 bytes
	second = "Subject: two\r\n\r\nno end of line"                     // 30 bytes
)

func TestPOP3Sessions(t *testing.T) {
	d := running(t, quick())
	fill(t, d.store, first, second)
	login := []string{"USER demo", "PASS demo"}
	tests := []struct {
		name  string
		lines []string
		want  []string // of each answer after the greeting how it begins
	}{
		{"capabilities", []string{"CAPA", "capa"}, []string{"+OK What can be done|TOP|UIDL|RESP-CODES|PIPELINING|AUTH-RESP-CODE|USER|STLS", "+OK"}},
		{"no login", []string{"STAT", "NOOP", "RETR 1", "DELE 1", "QUIT"}, []string{"-ERR", "-ERR", "-ERR", "-ERR", "+OK"}},
		{"PASS without USER", []string{"PASS demo", "QUIT"}, []string{"-ERR", "+OK"}},
		{"wrong password", []string{"USER demo", "PASS Demo", "STAT"}, []string{"+OK", "-ERR [AUTH]", "-ERR"}},
		{"nobody", []string{"USER root", "PASS demo"}, []string{"+OK", "-ERR [AUTH]"}},
		{"USER counts once", []string{"USER demo", "PASS Demo", "PASS demo"}, []string{"+OK", "-ERR", "-ERR"}},
		{"the whole address", []string{"USER demo@example.org", "PASS demo", "STAT"}, []string{"+OK", "+OK 2 messages", "+OK 2 72"}},
		{"lists", append(login, "stat", "LIST", "LIST 2", "LIST 3", "LIST x", "UIDL", "UIDL 1"),
			[]string{"+OK", "+OK", "+OK 2 72", "+OK 2 72|1 42|2 30", "+OK 2 30", "-ERR", "-ERR", "+OK 2 72|1 1.1|2 1.2", "+OK 1 1.1"}},
		{"dots are doubled", append(login, "RETR 1"),
			[]string{"+OK", "+OK", "+OK 42 octets|Subject: one||line 1|..dot|...|line 4"}},
		{"a last line without an end", append(login, "RETR 2"), []string{"+OK", "+OK", "+OK 30 octets|Subject: two||no end of line"}},
		{"TOP", append(login, "TOP 1 0", "TOP 1 2", "TOP 1 9", "TOP 2 1", "TOP 1", "TOP 1 -1", "TOP 3 1"),
			[]string{"+OK", "+OK", "+OK The top|Subject: one|", "+OK The top|Subject: one||line 1|..dot", "+OK The top|Subject: one||line 1|..dot|...|line 4",
				"+OK The top|Subject: two||no end of line", "-ERR", "-ERR", "-ERR"}},
		{"marked and thought better of", append(login, "DELE 1", "DELE 1", "RETR 1", "STAT", "LIST", "RSET", "STAT", "QUIT"),
			[]string{"+OK", "+OK", "+OK", "-ERR", "-ERR", "+OK 1 30", "+OK 1 30|2 30", "+OK 2 72", "+OK 2 72", "+OK"}},
		{"marked, and the client leaves without QUIT", append(login, "DELE 1", "DELE 2", "LIST"), []string{"+OK", "+OK", "+OK", "+OK", "+OK 0 0"}},
		{"unknown", append(login, "XTND", "", "USER demo", strings.Repeat("x", 10_000), "NOOP"),
			[]string{"+OK", "+OK", "-ERR", "-ERR", "-ERR", "-ERR", "+OK"}},
		{"marked, and gone for good", append(login, "DELE 1", "QUIT"), []string{"+OK", "+OK", "+OK", "+OK"}},
		{"what is left", append(login, "STAT", "UIDL"), []string{"+OK", "+OK", "+OK 1 30", "+OK 1 30|1 1.2"}},
	}
	for _, tt := range tests {
		got := popTalk(t, d.ports.pop3.Addr().String(), tt.lines...)[1:]
		for i, want := range tt.want {
			if !strings.HasPrefix(got[i], want) || strings.Contains(want, "|") && got[i] != want {
				t.Errorf("%s: %.30q: %q, want %q", tt.name, tt.lines[i], got[i], want)
			}
		}
		nobodyConnected(t, d) // one at a time may have the maildrop
	}
	compare(t, d, counts{messages: 1, "storage_bytes": 30, plaintext: int64(len(tests))})
}

func TestPOP3OneAtATimeHasTheMaildrop(t *testing.T) {
	d := running(t, quick())
	fill(t, d.store, first)
	one, err := net.Dial("tcp", d.ports.pop3.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer one.Close()
	r := bufio.NewReader(one)
	fmt.Fprint(one, "USER demo\r\nPASS demo\r\n")
	for range 3 {
		popAnswer(t, r, false)
	}
	if got := popTalk(t, d.ports.pop3.Addr().String(), "USER demo", "PASS demo")[2]; !strings.HasPrefix(got, "-ERR [IN-USE]") {
		t.Errorf("the second session: %q", got)
	}
	// The maildrop is as it was, whatever happens to INBOX meanwhile.
	fill(t, d.store, second)
	if err := d.store.remove(nil); err != nil {
		t.Error(err)
	}
	fmt.Fprint(one, "STAT\r\n")
	if got := popAnswer(t, r, false); got != "+OK 1 42" {
		t.Errorf("a snapshot: %q", got)
	}
	if err := d.traffic.imapSession(t.Context(), false, expungeFirst); err != nil {
		t.Fatal(err)
	}
	fmt.Fprint(one, "RETR 1\r\nDELE 1\r\nQUIT\r\n")
	for i, want := range []string{"-ERR The message was deleted", "+OK", "+OK"} {
		if got := popAnswer(t, r, false); !strings.HasPrefix(got, want) {
			t.Errorf("answer %d: %q, want %q", i+1, got, want)
		}
	}
	nobodyConnected(t, d)
	compare(t, d, counts{messages: 1, "storage_bytes": 30})
}

func TestPOP3OverTLS(t *testing.T) {
	d := running(t, quick())
	conn, err := net.Dial("tcp", d.ports.pop3.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	c := &popClient{textproto.NewConn(conn)}
	_, greeted := c.reply()
	_, began := c.one("STLS")
	secure := &popClient{textproto.NewConn(tls.Client(conn, unverified))}
	_, again := secure.one("STLS")
	_, user := secure.one("USER demo")
	_, pass := secure.one("PASS demo")
	_, quit := secure.one("QUIT")
	if err := errors.Join(greeted, began, user, pass, quit); err != nil {
		t.Error(err)
	}
	if _, ok := errors.AsType[*popRefusal](again); !ok {
		t.Errorf("STLS inside of TLS: %v", again)
	}
	nobodyConnected(t, d)
	compare(t, d, counts{plaintext: 1, starttls: 1})
}

func TestPOP3OverImplicitTLS(t *testing.T) {
	d := running(t, quick())
	conn, err := tls.Dial("tcp", d.ports.pop3s.Addr().String(), unverified)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	c := &popClient{textproto.NewConn(conn)}
	_, greeted := c.reply()
	_, stls := c.one("STLS")
	_, user := c.one("USER demo")
	_, pass := c.one("PASS demo")
	_, quit := c.one("QUIT")
	if err := errors.Join(greeted, user, pass, quit); err != nil {
		t.Error(err)
	}
	if _, ok := errors.AsType[*popRefusal](stls); !ok {
		t.Errorf("STLS inside of TLS: %v", stls)
	}
	nobodyConnected(t, d)
	compare(t, d, counts{implicitTLS: 1})
}

// What is sent ahead of the handshake, in plaintext, must not be obeyed after it.
func TestPOP3TakesNothingAheadOfTLS(t *testing.T) {
	d := running(t, quick())
	conn, err := net.Dial("tcp", d.ports.pop3.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	fmt.Fprint(conn, "STLS\r\nUSER demo\r\nPASS demo\r\n")
	text, err := bufio.NewReader(conn).ReadString(0)
	if strings.Count(text, "+OK") != 2 || err == nil { // the greeting and the answer to STLS
		t.Errorf("answered with %q, %v", text, err)
	}
	nobodyConnected(t, d)
	compare(t, d, counts{starttls: 0})
}

func TestPOP3LeavesTheSilentAlone(t *testing.T) {
	tel := otelmail.Noop()
	s := popServer(t, tel, 50*time.Millisecond)
	conn, err := net.Dial("tcp", s.listeners[0].Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if err := conn.SetReadDeadline(time.Now().Add(time.Minute)); err != nil {
		t.Fatal(err)
	}
	if text, err := bufio.NewReader(conn).ReadString(0); err == nil || strings.Count(text, "\n") != 1 || isTimeout(err) {
		t.Errorf("%q, %v: want the greeting and an end", text, err)
	}
}

func isTimeout(err error) bool {
	return errors.Is(err, os.ErrDeadlineExceeded)
}

// popServer is a POP3 server alone.
func popServer(t testing.TB, tel *otelmail.Telemetry, idle time.Duration) *pop3Server {
	t.Helper()
	store, err := newMailStore(tel, "demo", "demo")
	if err != nil {
		t.Fatal(err)
	}
	certificate, err := newCertificate(localHost, time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := newPOP3Server(tel, store, certificate.config(), true, discardLog)
	s.idle = idle
	s.serve(l)
	t.Cleanup(func() {
		stopAll(t.Context(), []server{s})
		store.close()
	})
	return s
}

// Whatever lines come: every one is answered with +OK or -ERR, the session ends,
// and nobody keeps the maildrop.
func FuzzPOP3Session(f *testing.F) {
	for _, seed := range []string{
		"USER demo\nPASS demo\nSTAT\nLIST\nUIDL\nRETR 1\nTOP 1 2\nDELE 1\nRSET\nNOOP\nCAPA\nQUIT\n",
		"USER demo\nPASS demo\nDELE 1\nDELE 2\nLIST 1\nRETR 99999999999999999999\nTOP 1 99999999999\nQUIT\nSTAT\n",
		"PASS\nUSER\nUSER \nSTLS x\n\n \n\x00\xff\nRETR\nTOP\n", strings.Repeat("A", 3000) + "\nNOOP\n",
	} {
		f.Add([]byte(seed))
	}
	store, err := newMailStore(otelmail.Noop(), "demo", "demo")
	if err != nil {
		f.Fatal(err)
	}
	f.Cleanup(store.close)
	f.Fuzz(func(t *testing.T, lines []byte) {
		if bytes.Contains(bytes.ToUpper(lines), []byte("STLS")) {
			return // what follows is TLS
		}
		server := newPOP3Server(otelmail.Noop(), store, nil, true, discardLog)
		server.idle = time.Minute
		if store.count == 0 {
			if err := store.append(t.Context(), inbox, []byte(first)); err != nil {
				t.Fatal(err)
			}
		}
		conn := &script{in: bytes.NewReader(lines)}
		newPOP3Session(server, conn).run()
		if !conn.closed || !server.maildrop.TryLock() {
			t.Error("the session did not end as a whole")
		}
		for i, line := range strings.SplitAfter(conn.out.String(), "\r\n") {
			if i == 0 && !strings.HasPrefix(line, "+OK ") || strings.Contains(strings.TrimSuffix(line, "\r\n"), "\n") {
				t.Errorf("line %d: %q", i, line)
			}
		}
	})
}

// script is a connection whose client has said everything beforehand.
type script struct {
	net.Conn
	in     *bytes.Reader
	out    bytes.Buffer
	closed bool
}

func (s *script) Read(b []byte) (int, error)       { return s.in.Read(b) }
func (s *script) Write(b []byte) (int, error)      { return s.out.Write(b) }
func (s *script) Close() error                     { s.closed = true; return nil }
func (s *script) RemoteAddr() net.Addr             { return nil }
func (s *script) LocalAddr() net.Addr              { return nil }
func (s *script) SetReadDeadline(time.Time) error  { return nil }
func (s *script) SetWriteDeadline(time.Time) error { return nil }
