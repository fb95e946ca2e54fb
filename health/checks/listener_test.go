package checks_test

import (
	"context"
	"errors"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/rusmes/otelmail/health/checks"
)

var kinds = map[string]func(string, ...checks.ListenerOption) func(context.Context) error{
	"tcp": checks.TCP, "smtp": checks.SMTP, "imap": checks.IMAP, "pop3": checks.POP3,
}

// TestGreetings: what a server says, what the check says, and that the session has ended
// in order where the server has kept it open.
func TestGreetings(t *testing.T) {
	const quit, logout, gone = "QUIT", "a1 LOGOUT", "(gone)"
	long := strings.Repeat("x", 9000)
	for _, tt := range []struct {
		kind, greeting string
		answers        [][2]string
		said           string   // by the client, in the end
		says           []string // of the error; nil for healthy
	}{
		{"tcp", "", nil, gone, nil},
		{"tcp", "220 hello\r\n", nil, gone, nil},

		{"smtp", "220 mail.example.org ESMTP\r\n", [][2]string{{quit, "221 bye\r\n"}}, quit, nil},
		{"smtp", "220-mail.example.org\r\n220-second\r\n220 third\r\n", [][2]string{{quit, "221-bye\r\n221 bye\r\n"}}, quit, nil},
		{"smtp", "220\n", [][2]string{{quit, "221\n"}}, quit, nil},
		{"smtp", "421 4.3.2 too many connections\r\n", nil, quit, []string{"greeting", `"421 4.3.2 too many connections"`}},
		{"smtp", "554-no\r\n554 service here\r\n", [][2]string{{quit, "221 bye\r\n"}}, quit, []string{"greeting", `"554-no"`}},
		{"smtp", "* OK IMAP4rev1 ready\r\n", nil, gone, []string{"greeting", `"* OK IMAP4rev1 ready" is no reply of SMTP`}},
		{"smtp", "22 odd\r\n", nil, gone, []string{`"22 odd" is no reply`}},
		{"smtp", long + "\r\n", nil, gone, []string{"more than 8192 bytes", `"` + strings.Repeat("x", 100) + `"…`}},
		{"smtp", strings.Repeat("220-more\r\n", 101), nil, gone, []string{"more than 100 lines"}},
		{"smtp", "220 \x00\xff\r\n", [][2]string{{quit, "221 bye\r\n"}}, quit, nil},
		{"smtp", "500 \x00\xff\x1b[2J\r\n", [][2]string{{quit, "221 bye\r\n"}}, quit, []string{`"500 \x00\xff\x1b[2J"`}},
		{"smtp", "220 hello\r\n", [][2]string{{quit, "500 what?\r\n"}}, quit, []string{"QUIT", `"500 what?"`}},

		{"imap", "* OK [CAPABILITY IMAP4rev1] ready\r\n", [][2]string{{logout, "* BYE\r\na1 OK bye\r\n"}}, logout, nil},
		{"imap", "* PREAUTH hello\r\n", [][2]string{{logout, "* BYE bye\r\n"}}, logout, nil}, // and closes
		{"imap", "* ok\n", [][2]string{{logout, "A1 ok bye\r\n"}}, logout, nil},
		{"imap", "* BYE too many\r\n", nil, logout, []string{"greeting", `"* BYE too many"`}},
		{"imap", "* OKAY\r\n", nil, gone, []string{`"* OKAY" is no greeting of IMAP`}},
		{"imap", "220 mail.example.org\r\n", nil, gone, []string{"no greeting of IMAP"}},
		{"imap", "* OK\r\n", [][2]string{{logout, "a1 BAD what?\r\n"}}, logout, []string{"LOGOUT", `"a1 BAD what?"`}},
		{"imap", "* OK\r\n", [][2]string{{logout, strings.Repeat("* 1 EXISTS\r\n", 200)}}, logout, []string{"LOGOUT", "more than 100 lines"}},

		{"pop3", "+OK ready <1@example>\r\n", [][2]string{{quit, "+OK bye\r\n"}}, quit, nil},
		{"pop3", "-ERR no\r\n", [][2]string{{quit, "+OK bye\r\n"}}, quit, []string{"greeting", `"-ERR no"`}},
		{"pop3", "+OKAY\r\n", nil, gone, []string{`"+OKAY" is no reply of POP3`}},
		{"pop3", "\r\n", nil, gone, []string{`"" is no reply of POP3`}},
	} {
		t.Run(tt.kind+" "+tt.greeting[:min(len(tt.greeting), 20)], func(t *testing.T) {
			s := serve(t, func(c *session) {
				c.write(tt.greeting)
				c.answer(tt.answers...)
			})
			err := run(t, kinds[tt.kind](s.address))
			wantError(t, err, tt.says...)
			if err != nil && (!strings.HasPrefix(err.Error(), "health: "+tt.kind+" "+s.address+": ") || len(err.Error()) > 500) {
				t.Errorf("error %q, want it to begin with the check and the address, and to be short", err)
			}
			if got := s.said(t, 1); !strings.HasPrefix(got[0], tt.said) {
				t.Errorf("the client has said %q, want %q", got, tt.said)
			}
		})
	}
}

// TestBrokenOff: a server that closes before it has said all.
func TestBrokenOff(t *testing.T) {
	for kind, c := range kinds {
		for _, greeting := range []string{"", "220-first\r\n", "2", "* O", "+"} {
			s := serve(t, func(c *session) { c.write(greeting) })
			if err := run(t, c(s.address)); (err == nil) != (kind == "tcp") {
				t.Errorf("%s after %q: %v", kind, greeting, err)
			}
		}
	}
}

// TestHanging: a server that accepts and says nothing, or says a little now and then, costs the
// time of the run, in plaintext and within the handshake.
func TestHanging(t *testing.T) {
	for name, play := range map[string]func(*session){
		"silent": func(c *session) { c.read() },
		"trickles": func(c *session) {
			for range time.Minute / time.Millisecond {
				if _, err := c.conn.Write([]byte("2")); err != nil {
					return
				}
				time.Sleep(10 * time.Millisecond)
			}
		},
	} {
		s := serve(t, play)
		for kind, c := range kinds {
			for _, opts := range [][]checks.ListenerOption{nil, {checks.ImplicitTLS("mail.example.org", 0)}} {
				if kind == "tcp" && opts == nil {
					continue
				}
				ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
				began := time.Now()
				err := c(s.address, opts...)(ctx)
				cancel()
				if err == nil || time.Since(began) > 30*time.Second {
					t.Errorf("%s, %s: %v after %v", name, kind, err, time.Since(began))
				}
			}
		}
	}
}

// TestRefusedAndHanging: what is wrong is said within the run, although the server does not
// let go.
func TestRefusedAndHanging(t *testing.T) {
	s := serve(t, func(c *session) {
		c.write("421 too busy\r\n")
		c.read() // QUIT
		c.read()
	})
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	wantError(t, checks.SMTP(s.address)(ctx), "421 too busy")
	if ctx.Err() != nil {
		t.Error("it has waited as long as the run may take")
	}
	if got := s.said(t, 1)[0]; got != "QUIT,(gone)" {
		t.Errorf("the client has said %q", got)
	}
}

func TestNobodyListens(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	closed := l.Addr().String()
	l.Close()
	for kind, c := range kinds {
		wantError(t, run(t, c(closed)), kind, closed, "connect")
		wantError(t, run(t, c("")), kind, "address is empty", "host:port")
		wantError(t, run(t, c("/nowhere/socket")), kind, "/nowhere/socket")
		wantError(t, run(t, c("127.0.0.1")), kind, "missing port")
	}
}

// TestUnixSocket: LMTP often has one.
func TestUnixSocket(t *testing.T) {
	dir, err := os.MkdirTemp("", "checks") // a test's own may be too long for a socket
	if err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(dir)
	path := filepath.Join(dir, "lmtp")
	l, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	s := &server{}
	s.serve(t, l, func(c *session) {
		c.write("220 LMTP\r\n")
		c.answer([2]string{"QUIT", "221 bye\r\n"})
	})
	wantError(t, run(t, checks.SMTP(path)))
}

// startTLS are the server's sides of STARTTLS, and of what follows.
var startTLS = map[string]struct {
	greeting, ask, yes, no string
	before, quit           [2]string
	said                   string
}{
	"smtp": {"220 hello\r\n", "STARTTLS", "220 go\r\n", "454 not now\r\n", [2]string{"EHLO [127.0.0.1]", "250-mail\r\n250 STARTTLS\r\n"}, [2]string{"QUIT", "221 bye\r\n"}, "EHLO [127.0.0.1],STARTTLS,QUIT"},
	"imap": {"* OK hello\r\n", "a1 STARTTLS", "a1 OK go\r\n", "a1 NO not now\r\n", [2]string{}, [2]string{"a1 LOGOUT", "* BYE bye\r\na1 OK\r\n"}, "a1 STARTTLS,a2 LOGOUT"},
	"pop3": {"+OK hello\r\n", "STLS", "+OK go\r\n", "-ERR not now\r\n", [2]string{}, [2]string{"QUIT", "+OK bye\r\n"}, "STLS,QUIT"},
}

// TestCertificates of listeners: whatever is wrong with them, the session ends in order.
func TestCertificates(t *testing.T) {
	const day = 24 * time.Hour
	for _, tt := range []struct {
		name      string
		ends      time.Duration // from now
		asked     string
		validFor  time.Duration
		strangers bool // the certificate is signed by nobody whom we trust
		says      []string
	}{
		{"good", 30 * day, "mail.example.org", 20 * day, false, nil},
		{"an address", 30 * day, "127.0.0.1", 20 * day, false, nil},
		{"another name", 30 * day, "imap.example.org", 20 * day, false, []string{"certificate", "mail.example.org, not imap.example.org"}},
		{"expired", -day, "mail.example.org", 0, false, []string{"certificate", "has expired"}},
		{"few days", 10*day + time.Hour, "mail.example.org", 14 * day, false, []string{"certificate", "10.0 days from now", "at least 14.0 days"}},
		{"untrusted", 30 * day, "mail.example.org", 0, true, []string{"certificate", "unknown authority"}},
	} {
		config, pool := certificate(t, time.Now().Add(tt.ends))
		if tt.strangers {
			_, pool = certificate(t, time.Now().Add(tt.ends))
		}
		for kind, c := range kinds {
			how := startTLS[kind]
			t.Run(tt.name+" "+kind+" implicit", func(t *testing.T) {
				s := serve(t, func(c *session) {
					if !c.secure(config) {
						return
					}
					c.write(how.greeting)
					c.answer(how.quit)
				})
				wantError(t, run(t, c(s.address, checks.ImplicitTLS(tt.asked, tt.validFor), checks.Roots(pool))), tt.says...)
				want := how.quit[0]
				if kind == "tcp" {
					want = "(gone)"
				}
				if got := s.said(t, 1)[0]; got != want {
					t.Errorf("the client has said %q, want %q", got, want)
				}
			})
			if kind == "tcp" {
				continue
			}
			t.Run(tt.name+" "+kind+" after STARTTLS", func(t *testing.T) {
				s := serve(t, func(c *session) {
					c.write(how.greeting)
					if how.before[0] != "" && c.read() == how.before[0] {
						c.write(how.before[1])
					}
					if c.read() != how.ask {
						return
					}
					c.write(how.yes)
					if c.secure(config) {
						c.answer(how.quit)
					}
				})
				wantError(t, run(t, c(s.address, checks.StartTLS(tt.asked, tt.validFor), checks.Roots(pool))), tt.says...)
				if got := s.said(t, 1)[0]; got != how.said {
					t.Errorf("the client has said %q, want %q", got, how.said)
				}
			})
		}
	}
}

// TestNoTLS: the server has none, or not now, or does not keep to it.
func TestNoTLS(t *testing.T) {
	for kind, how := range startTLS {
		c := kinds[kind]
		refuses := serve(t, func(c *session) {
			c.write(how.greeting)
			c.answer(how.before, [2]string{how.ask, how.no}, how.quit)
		})
		wantError(t, run(t, c(refuses.address, checks.StartTLS("mail.example.org", 0))), how.ask[strings.LastIndex(how.ask, " ")+1:], "not now")
		if got := refuses.said(t, 1)[0]; got != how.said {
			t.Errorf("%s: the client has said %q, want %q", kind, got, how.said)
		}
		// What an attacker adds in plaintext must not be taken for what came inside TLS.
		adds := serve(t, func(c *session) {
			c.write(how.greeting)
			c.answer(how.before, [2]string{how.ask, how.yes + how.yes})
		})
		if err := run(t, c(adds.address, checks.StartTLS("mail.example.org", 0))); err == nil || !strings.Contains(err.Error(), "start TLS") {
			t.Errorf("%s: %v", kind, err)
		}
		plain := serve(t, func(c *session) { c.write(how.greeting); c.read() })
		wantError(t, run(t, c(plain.address, checks.ImplicitTLS("mail.example.org", 0))), "start TLS")
	}
}

func TestWrongListeners(t *testing.T) {
	_, pool := certificate(t, time.Now())
	for _, tt := range []struct {
		check check
		says  []string
	}{
		{checks.TCP("127.0.0.1:1", checks.StartTLS("mail.example.org", 0)), []string{"StartTLS: tcp has none", "ImplicitTLS"}},
		{checks.SMTP("127.0.0.1:1", checks.Roots(pool)), []string{"Roots", "ImplicitTLS or StartTLS"}},
		{checks.IMAP("127.0.0.1:1", checks.ImplicitTLS("", 0)), []string{"name of the certificate is empty"}},
		{checks.POP3("127.0.0.1:1", checks.StartTLS("mail.example.org", -time.Hour), nil), []string{"valid for -1h0m0s", "at least 0"}},
	} {
		wantError(t, run(t, tt.check), tt.says...)
	}
}

// TestCancelled: a check that is no longer wanted ends, and says why.
func TestCancelled(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	began := make(chan struct{})
	s := serve(t, func(c *session) { close(began); c.read() })
	go func() { <-began; cancel() }()
	if err := checks.SMTP(s.address)(ctx); err == nil {
		t.Error("no error")
	}
	if err := checks.SMTP(s.address)(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("%v, want that it is cancelled", err)
	}
	if got := s.said(t, 1); !slices.Equal(got, []string{"(gone)"}) {
		t.Errorf("the client has said %q", got)
	}
}
