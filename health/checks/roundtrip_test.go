package checks_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/rusmes/otelmail/health/checks"
)

// postOffice is a server of SMTP whose mail arrives in a mailbox when it is let.
type postOffice struct {
	*server
	mu      sync.Mutex
	held    bool
	waiting []string // ids of messages that are on their way
	mailbox []string
	texts   []string
}

// newPostOffice answers a command that begins with refuse by a refusal.
func newPostOffice(t *testing.T, refuse string) *postOffice {
	p := &postOffice{}
	p.server = serve(t, func(c *session) {
		c.write("220 mail.example.org\r\n")
		for line := c.read(); line != ""; line = c.read() {
			verb := strings.Fields(line)[0]
			switch {
			case verb == "QUIT":
				c.write("221 bye\r\n")
				return
			case verb == refuse:
				c.write("550-5.1.1 not you\r\n550 5.1.1 for several reasons\r\n")
			case verb == "AUTH":
				c.write("235 fine\r\n")
			case verb == "DATA":
				c.write("354 go on\r\n")
				var text []string
				for text = append(text, c.read()); text[len(text)-1] != "."; text = append(text, c.read()) {
				}
				if refuse == "." {
					c.write("452 disk full\r\n")
					continue
				}
				p.take(text)
				c.write("250 accepted\r\n")
			default:
				c.write("250 fine\r\n")
			}
		}
	})
	return p
}

func (p *postOffice) take(text []string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, line := range text {
		if id, ok := strings.CutPrefix(line, checks.RoundTripHeader+": "); ok {
			p.waiting = append(p.waiting, id)
		}
	}
	p.texts = append(p.texts, strings.Join(text, "\n"))
	p.deliver()
}

func (p *postOffice) deliver() {
	if !p.held {
		p.mailbox = append(p.mailbox, p.waiting...)
		p.waiting = nil
	}
}

func (p *postOffice) hold(held bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.held = held
	p.deliver()
}

// look is a Take.
func (p *postOffice) look(_ context.Context, id string) (bool, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	i := slices.Index(p.mailbox, id)
	if i < 0 {
		return false, nil
	}
	p.mailbox = slices.Delete(p.mailbox, i, i+1)
	return true, nil
}

// left is how many messages are in the mailbox.
func (p *postOffice) left() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return len(p.mailbox)
}

func (p *postOffice) trip() checks.RoundTrip {
	return checks.RoundTrip{Address: p.address, From: "check@example.org", To: "box@example.org", Take: p.look}
}

func TestRoundTrip(t *testing.T) {
	p := newPostOffice(t, "")
	var took []time.Duration
	trip := p.trip()
	trip.User, trip.Password = "check", "secret"
	trip.Took = func(_ context.Context, d time.Duration) { took = append(took, d) }
	c := trip.Check()
	for range 2 {
		wantError(t, run(t, c))
	}
	if len(took) != 2 || took[0] <= 0 || took[0] > time.Minute {
		t.Errorf("took %v, want two short times", took)
	}
	if n := p.left(); n != 0 {
		t.Errorf("%d messages are left in the mailbox", n)
	}
	const dialogue = "EHLO [127.0.0.1],AUTH PLAIN AGNoZWNrAHNlY3JldA==,MAIL FROM:<check@example.org>,RCPT TO:<box@example.org>,DATA,"
	for _, said := range p.said(t, 2) {
		if !strings.HasPrefix(said, dialogue) || !strings.HasSuffix(said, ",.,QUIT") {
			t.Errorf("the client has said %q", said)
		}
	}
	if p.texts[0] == p.texts[1] {
		t.Error("both messages are the same")
	}
	for _, want := range []string{"From: <check@example.org>\n", "To: <box@example.org>\n", "\nAuto-Submitted: auto-generated\n", "\nDate: ", "\nMessage-ID: <", "\n\n"} {
		if !strings.Contains(p.texts[0], want) {
			t.Errorf("no %q in\n%s", want, p.texts[0])
		}
	}
}

// TestRoundTripRefused: by each command, with what the server says; the password is never in
// it.
func TestRoundTripRefused(t *testing.T) {
	for refuse, says := range map[string][]string{
		"EHLO": {"EHLO"}, "AUTH": {"AUTH"}, "MAIL": {"MAIL"}, "RCPT": {"RCPT"}, "DATA": {"DATA"}, ".": {"the message", "452 disk full"},
	} {
		p := newPostOffice(t, refuse)
		trip := p.trip()
		trip.User, trip.Password = "check", "secret"
		trip.Take = func(context.Context, string) (bool, error) {
			t.Errorf("%s was refused, and the mail looked for", refuse)
			return false, nil
		}
		err := run(t, trip.Check())
		wantError(t, err, append(says, "health: round trip: send by "+p.address)...)
		if refuse != "." {
			wantError(t, err, `"550-5.1.1 not you"`)
		}
		if err != nil && (strings.Contains(err.Error(), "secret") || strings.Contains(err.Error(), "AGNoZWNrAHNlY3JldA")) {
			t.Errorf("the password is in %q", err)
		}
		if said := p.said(t, 1)[0]; !strings.HasSuffix(said, "QUIT") {
			t.Errorf("%s: the client has said %q", refuse, said)
		}
	}
}

// TestRoundTripIsNotSeen: the run ends with the reason and before its time is up; what comes
// too late is removed by a later run.
func TestRoundTripIsNotSeen(t *testing.T) {
	p := newPostOffice(t, "")
	c := p.trip().Check()
	within := func(d time.Duration) (error, error) {
		ctx, cancel := context.WithTimeout(t.Context(), d)
		defer cancel()
		err := c(ctx)
		return err, ctx.Err()
	}
	p.hold(true)
	for range 3 {
		err, _ := within(300 * time.Millisecond)
		wantError(t, err, "was accepted", "ago and is not in the mailbox")
	}
	p.hold(false)
	if n := p.left(); n != 3 {
		t.Fatalf("%d messages have come late, want 3", n)
	}
	for i := range 3 { // one each
		if err, _ := within(time.Minute); err != nil {
			t.Error(err)
		}
		if n := p.left(); n != 2-i {
			t.Errorf("%d messages are left, want %d", n, 2-i)
		}
	}
}

// TestRoundTripKeepsTime for saying what is wrong: it stops looking a tenth earlier.
func TestRoundTripKeepsTime(t *testing.T) {
	p := newPostOffice(t, "")
	trip := p.trip()
	var stops time.Time
	trip.Take = func(ctx context.Context, _ string) (bool, error) {
		stops, _ = ctx.Deadline()
		return true, nil
	}
	end := time.Now().Add(50 * time.Second)
	ctx, cancel := context.WithDeadline(t.Context(), end)
	defer cancel()
	wantError(t, trip.Check()(ctx))
	if left := end.Sub(stops); left > 5*time.Second || left < time.Second {
		t.Errorf("%v are left of 50 s, want a tenth of what was left after sending", left)
	}
}

// TestTakeFails: what is wrong with the mailbox is said if it stays so.
func TestTakeFails(t *testing.T) {
	p := newPostOffice(t, "")
	trip := p.trip()
	trip.Take = func(context.Context, string) (bool, error) { return false, errors.New("mailbox locked") }
	ctx, cancel := context.WithTimeout(t.Context(), 500*time.Millisecond)
	defer cancel()
	wantError(t, trip.Check()(ctx), "was not found: mailbox locked")

	var calls atomic.Int32
	trip.Take = func(ctx context.Context, id string) (bool, error) {
		if calls.Add(1) < 3 {
			return false, errors.New("mailbox locked")
		}
		return p.look(ctx, id)
	}
	wantError(t, run(t, trip.Check()))
}

func TestWrongRoundTrips(t *testing.T) {
	take := func(context.Context, string) (bool, error) { return true, nil }
	for _, tt := range []struct {
		trip checks.RoundTrip
		says string
	}{
		{checks.RoundTrip{Take: take}, "no To"},
		{checks.RoundTrip{To: "a@example.org"}, "no Take"},
		{checks.RoundTrip{To: "a@example.org>\r\nRCPT TO:<b@example.org", Take: take}, "From or To with"},
		{checks.RoundTrip{From: "a b@example.org", To: "a@example.org", Take: take}, "From or To with"},
		{checks.RoundTrip{To: "a@example.org", Password: "secret", Take: take}, "Password without User"},
		{checks.RoundTrip{To: "a@example.org", Take: take, Options: []checks.ListenerOption{checks.StartTLS("", 0)}}, "name of the certificate"},
		{checks.RoundTrip{To: "a@example.org", Take: take}, "address is empty"},
	} {
		err := run(t, tt.trip.Check())
		wantError(t, err, tt.says)
		if err != nil && strings.Contains(err.Error(), "secret") {
			t.Errorf("the password is in %q", err)
		}
	}
}

// TestNoPasswordForAnybody: none is sent to a server whose certificate is another's, by SMTP or
// by IMAP; the session ends in order.
func TestNoPasswordForAnybody(t *testing.T) {
	config, pool := certificate(t, time.Now().Add(24*time.Hour))
	wrong := []checks.ListenerOption{checks.ImplicitTLS("another.example.org", 0), checks.Roots(pool)}
	play := func(greeting string) func(*session) {
		return func(c *session) {
			if c.secure(config) {
				c.write(greeting)
				c.answer([2]string{"QUIT", "221 bye\r\n"}, [2]string{"a1 LOGOUT", "a1 OK bye\r\n"})
			}
		}
	}
	submission, mailbox := serve(t, play("220 hello\r\n")), serve(t, play("* OK hello\r\n"))
	wantError(t, run(t, checks.RoundTrip{Address: submission.address, Options: wrong, User: "check", Password: "secret", To: "a@example.org",
		Take: func(context.Context, string) (bool, error) { return true, nil }}.Check()), "certificate")
	_, err := checks.Mailbox{Address: mailbox.address, Options: wrong, User: "check", Password: "secret"}.Take(t.Context(), "id")
	wantError(t, err, "certificate", "imap "+mailbox.address)
	if got := submission.said(t, 1)[0]; got != "QUIT" {
		t.Errorf("SMTP: the client has said %q", got)
	}
	if got := mailbox.said(t, 1)[0]; got != "a1 LOGOUT" {
		t.Errorf("IMAP: the client has said %q", got)
	}
}

// TestNoPasswordInPlaintext to another machine, as which an address of ours counts that is not
// loopback.
func TestNoPasswordInPlaintext(t *testing.T) {
	ours := ""
	addrs, err := net.InterfaceAddrs()
	if err != nil {
		t.Fatal(err)
	}
	for _, a := range addrs {
		if ip, ok := a.(*net.IPNet); ok && ip.IP.To4() != nil && !ip.IP.IsLoopback() {
			ours = net.JoinHostPort(ip.IP.String(), "0")
		}
	}
	listen := func(play func(*session)) *server {
		l, err := net.Listen("tcp", ours)
		if ours == "" || err != nil {
			t.Skipf("no address but loopback: %v", err)
		}
		s := &server{address: l.Addr().String()}
		s.serve(t, l, play)
		return s
	}
	submission := listen(func(c *session) {
		c.write("220 hello\r\n")
		c.answer([2]string{"EHLO", "250 AUTH PLAIN\r\n"}, [2]string{"QUIT", "221\r\n"})
	})
	mailbox := listen(func(c *session) { c.write("* OK hello\r\n"); c.answer([2]string{"a1 LOGOUT", "a1 OK\r\n"}) })
	wantError(t, run(t, checks.RoundTrip{Address: submission.address, User: "check", Password: "secret", To: "a@example.org",
		Take: func(context.Context, string) (bool, error) { return true, nil }}.Check()), "plaintext to another machine", "inside TLS")
	_, err = checks.Mailbox{Address: mailbox.address, User: "check", Password: "secret"}.Take(t.Context(), "id")
	wantError(t, err, "plaintext to another machine", "inside TLS")
	for _, s := range []*server{submission, mailbox} {
		if got := s.said(t, 1)[0]; got != "QUIT" && got != "a1 LOGOUT" {
			t.Errorf("the client has said %q, want that it leaves in order", got)
		}
	}
}

// mailbox is a server of IMAP that answers SEARCH with what it is given.
func mailbox(t *testing.T, search string, others ...[2]string) *server {
	return serve(t, func(c *session) {
		c.write("* OK [CAPABILITY IMAP4rev1 UIDPLUS] hello\r\n")
		c.answer(append(others,
			[2]string{"a1 LOGIN", "a1 OK [CAPABILITY IMAP4rev1] in\r\n"},
			[2]string{"a1 SELECT", "* FLAGS (\\Seen)\r\n* 3 EXISTS\r\n* OK [X {10}\r\na2 NO no\r\n] odd\r\na1 OK [READ-WRITE] yes\r\n"},
			[2]string{"a1 UID SEARCH", search + "a1 OK done\r\n"},
			[2]string{"a1 UID STORE", "a1 OK done\r\n"},
			[2]string{"a1 UID EXPUNGE", "* 2 EXPUNGE\r\na1 OK done\r\n"},
			[2]string{"a1 LOGOUT", "* BYE\r\na1 OK bye\r\n"})...)
	})
}

func TestMailbox(t *testing.T) {
	const (
		login  = `a1 LOGIN "check\"\\" "se cret",`
		start  = login + `a2 SELECT "INBOX",a3 UID SEARCH HEADER "Otelmail-Round-Trip" "ID1"`
		remove = `,a4 UID STORE 7,12 +FLAGS.SILENT (\Deleted),a5 UID EXPUNGE 7,12`
	)
	for name, tt := range map[string]struct {
		server *server
		found  bool
		said   string
		says   []string
	}{
		"there":          {mailbox(t, "* SEARCH 7 12\r\n"), true, start + remove + ",a6 LOGOUT", nil},
		"in two parts":   {mailbox(t, "* SEARCH 7\r\n* 4 EXISTS\r\n* SEARCH 12\r\n"), true, start + remove + ",a6 LOGOUT", nil},
		"not there":      {mailbox(t, "* SEARCH\r\n"), false, start + ",a4 LOGOUT", nil},
		"no answer":      {mailbox(t, ""), false, start + ",a4 LOGOUT", nil},
		"no numbers":     {mailbox(t, "* SEARCH 7,12:*\r\n"), false, start + ",(gone)", []string{"UID SEARCH HEADER", "more than numbers"}},
		"no UIDPLUS":     {mailbox(t, "* SEARCH 7 12\r\n", [2]string{"a1 UID EXPUNGE", "a1 BAD what?\r\n"}), true, start + remove + ",a6 LOGOUT", []string{"UID EXPUNGE", "what?"}},
		"wrong password": {mailbox(t, "", [2]string{"a1 LOGIN", "a1 NO [AUTHENTICATIONFAILED] no\r\n"}), false, login + "a2 LOGOUT", []string{"LOGIN", "AUTHENTICATIONFAILED"}},
		"no mailbox":     {mailbox(t, "", [2]string{"a1 SELECT", "a1 NO none\r\n"}), false, login + `a2 SELECT "INBOX",a3 LOGOUT`, []string{"SELECT", "none"}},
		"endless":        {mailbox(t, strings.Repeat("* 4 EXISTS\r\n", 200)), false, start + ",(gone)", []string{"more than 100 lines"}},
		"many lines":     {mailbox(t, strings.Repeat("* 4 EXISTS\r\n", 60), [2]string{"a1 LOGIN", strings.Repeat("* OK hello\r\n", 60) + "a1 OK in\r\n"}), false, start + ",a4 LOGOUT", nil},
		// 2^64 + 3
		"a large literal": {mailbox(t, "* OK [X {18446744073709551619}\r\n"), false, start + ",a4 LOGOUT", nil},
	} {
		t.Run(name, func(t *testing.T) {
			found, err := checks.Mailbox{Address: tt.server.address, User: `check"\`, Password: "se cret"}.Take(t.Context(), "ID1")
			wantError(t, err, tt.says...)
			if found != tt.found {
				t.Errorf("found %t, want %t", found, tt.found)
			}
			if err != nil && strings.Contains(err.Error(), "se cret") {
				t.Errorf("the password is in %q", err)
			}
			if got := tt.server.said(t, 1)[0]; got != tt.said {
				t.Errorf("the client has said\n%s, want\n%s", got, tt.said)
			}
		})
	}
}

func TestWrongMailboxes(t *testing.T) {
	for says, m := range map[string]checks.Mailbox{
		"user or password": {Address: "127.0.0.1:1", User: "check\r\na1 DELETE INBOX"},
		"mailbox: ":        {Address: "127.0.0.1:1", Name: "Prüfung"},
		"address is empty": {},
		"name of the cert": {Address: "127.0.0.1:1", Options: []checks.ListenerOption{checks.ImplicitTLS("", 0), nil}},
	} {
		_, err := m.Take(t.Context(), "id")
		wantError(t, err, says)
	}
	if _, err := (checks.Mailbox{Address: "127.0.0.1:1"}).Take(t.Context(), "a\r\nb"); err == nil || !strings.Contains(err.Error(), "id: ") {
		t.Error(err)
	}
}

// TestRoundTripsAtOnce: a check may be run by hand beside the registry.
func TestRoundTripsAtOnce(t *testing.T) {
	p := newPostOffice(t, "")
	c := p.trip().Check()
	var all sync.WaitGroup
	errs := make(chan error, 8)
	for range 8 {
		all.Go(func() { errs <- c(t.Context()) })
	}
	all.Wait()
	close(errs)
	for err := range errs {
		if err != nil {
			t.Error(fmt.Errorf("beside others: %w", err))
		}
	}
}
