package otelsmtp_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"maps"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/emersion/go-sasl"
	"github.com/emersion/go-smtp"

	"github.com/rusmes/otelmail"
	"github.com/rusmes/otelmail/instrumentation/otelsmtp"
	"github.com/rusmes/otelmail/otelmailtest"
)

// patience is how long a test waits for what must happen.
const patience = time.Minute

// world is a server, and everything it has recorded.
type world struct {
	*otelmailtest.Recorder
	t       testing.TB
	smtp    *smtp.Server
	server  *otelsmtp.Server
	backend *script
	addr    string
}

// setting is what a test changes before its server starts.
type setting struct {
	server   func(*smtp.Server)
	opts     []otelsmtp.Option
	network  string
	listener func(net.Listener) net.Listener
	tel      []otelmail.StartOption
}

func start(t testing.TB, b *script, s setting) *world {
	t.Helper()
	w := &world{Recorder: otelmailtest.New(t, s.tel...), t: t, backend: b}
	w.smtp = smtp.NewServer(b)
	w.smtp.Domain = "mx.example.com"
	w.smtp.AllowInsecureAuth = true
	w.smtp.ErrorLog = log.New(io.Discard, "", 0)
	if s.server != nil {
		s.server(w.smtp)
	}
	w.server = otelsmtp.NewServer(w.Tel, w.smtp, s.opts...)
	network, address := "tcp", "127.0.0.1:0"
	if s.network == "unix" {
		network, address = "unix", t.TempDir()+"/s"
	}
	l, err := net.Listen(network, address)
	if err != nil {
		t.Fatal(err)
	}
	w.addr = l.Addr().String()
	if s.listener != nil {
		l = s.listener(l)
	}
	served := make(chan error, 1)
	go func() { served <- w.server.Serve(l) }()
	t.Cleanup(func() {
		_ = w.server.Close()
		<-served
	})
	return w
}

// counts are what has moved.
type counts = otelmailtest.Series

// ended adds a session in plaintext that has begun and ended.
func ended(more counts) counts {
	all := counts{"rusmes_smtp_connections_total": 1, `rusmes_tls_sessions_total{tls="no"}`: 1, "rusmes_smtp_session_duration_seconds_count": 1}
	maps.Copy(all, more)
	return all
}

// details are counted beside what the tests look at, and are tested in the root.
var details = counts{"rusmes_replies_total": otelmailtest.Any, "rusmes_rejections_total": otelmailtest.Any,
	"rusmes_auth_attempts_total": otelmailtest.Any, "rusmes_tls_handshakes_total": otelmailtest.Any,
	"rusmes_tls_handshake_failures_total": otelmailtest.Any, "rusmes_connections_lost_total": otelmailtest.Any,
	"rusmes_messages_per_domain_total": otelmailtest.Any, "rusmes_panics_total": otelmailtest.Any, "rusmes_log_records_total": otelmailtest.Any,
	"rusmes_smtp_session_duration_seconds_count": 0}

// expect waits until everything is as wanted, and nothing else has moved.
func (w *world) expect(want counts) {
	w.t.Helper()
	all := maps.Clone(details)
	maps.Copy(all, want)
	w.Moved(all)
}

// client speaks SMTP by hand.
type client struct {
	t testing.TB
	net.Conn
	r *bufio.Reader
}

func (w *world) dial() *client {
	w.t.Helper()
	network := "tcp"
	if strings.HasPrefix(w.addr, "/") {
		network = "unix"
	}
	c, err := net.Dial(network, w.addr)
	if err != nil {
		w.t.Fatal(err)
	}
	return hand(w.t, c)
}

func hand(t testing.TB, c net.Conn) *client {
	_ = c.SetDeadline(time.Now().Add(patience))
	t.Cleanup(func() { _ = c.Close() })
	return &client{t: t, Conn: c, r: bufio.NewReader(c)}
}

// greet reads the greeting and says EHLO.
func (c *client) greet() *client {
	c.t.Helper()
	c.answer("220")
	return c.say("EHLO client.example.net", "250")
}

// say sends a line and reads a reply for each code.
func (c *client) say(line string, codes ...string) *client {
	c.t.Helper()
	return c.send(line+"\r\n", codes...)
}

func (c *client) send(bytes string, codes ...string) *client {
	c.t.Helper()
	if _, err := io.WriteString(c, bytes); err != nil {
		c.t.Fatalf("send %.40q: %v", bytes, err)
	}
	for _, code := range codes {
		c.answer(code)
	}
	return c
}

// chunk sends a chunk by BDAT that is not the last.
func (c *client) chunk(data string, codes ...string) *client {
	c.t.Helper()
	return c.send(fmt.Sprintf("BDAT %d\r\n%s", len(data), data), codes...)
}

// last sends the last chunk.
func (c *client) last(data string, codes ...string) *client {
	c.t.Helper()
	return c.send(fmt.Sprintf("BDAT %d LAST\r\n%s", len(data), data), codes...)
}

func (c *client) answer(code string) {
	c.t.Helper()
	for {
		line, err := c.r.ReadString('\n')
		if err != nil {
			c.t.Fatalf("read reply %s: %v", code, err)
		}
		if len(line) > 3 && line[3] == '-' {
			continue
		}
		if !strings.HasPrefix(line, code) {
			c.t.Fatalf("reply %q, want %s", line, code)
		}
		return
	}
}

// closed waits until the server has closed the connection.
func (c *client) closed() {
	c.t.Helper()
	if _, err := io.Copy(io.Discard, c.r); errors.Is(err, context.DeadlineExceeded) {
		c.t.Fatal("the server has not closed the connection")
	}
}

const transaction = "MAIL FROM:<alice@sender.example>\r\nRCPT TO:<bob@example.org>"

// script is a backend that a test writes. What is nil succeeds.
type script struct {
	session func(*smtp.Conn) error
	mail    func(c *smtp.Conn, from string) error
	rcpt    func(c *smtp.Conn, to string) error
	data    func(c *smtp.Conn, r io.Reader) error
	lmtp    func(c *smtp.Conn, r io.Reader, s smtp.StatusCollector) error
	auth    func(c *smtp.Conn, mechanism string) (sasl.Server, error)

	mu      sync.Mutex
	logouts int
}

func (b *script) NewSession(c *smtp.Conn) (smtp.Session, error) {
	if b.session != nil {
		if err := b.session(c); err != nil {
			return nil, err
		}
	}
	s := &play{b: b, c: c}
	switch {
	case b.auth != nil && b.lmtp != nil:
		return struct {
			*play
			playAuth
			playLMTP
		}{s, playAuth{s}, playLMTP{s}}, nil
	case b.auth != nil:
		return struct {
			*play
			playAuth
		}{s, playAuth{s}}, nil
	case b.lmtp != nil:
		return struct {
			*play
			playLMTP
		}{s, playLMTP{s}}, nil
	}
	return s, nil
}

type play struct {
	b *script
	c *smtp.Conn
}

func (p *play) Reset() {}

func (p *play) Logout() error {
	p.b.mu.Lock()
	defer p.b.mu.Unlock()
	p.b.logouts++
	return nil
}

func (p *play) Mail(from string, _ *smtp.MailOptions) error {
	if p.b.mail == nil {
		return nil
	}
	return p.b.mail(p.c, from)
}

func (p *play) Rcpt(to string, _ *smtp.RcptOptions) error {
	if p.b.rcpt == nil {
		return nil
	}
	return p.b.rcpt(p.c, to)
}

func (p *play) Data(r io.Reader) error {
	if p.b.data == nil {
		_, err := io.Copy(io.Discard, r)
		return err
	}
	return p.b.data(p.c, r)
}

type playAuth struct{ p *play }

func (p playAuth) AuthMechanisms() []string { return []string{sasl.Plain, sasl.Login} }
func (p playAuth) Auth(mechanism string) (sasl.Server, error) {
	return p.p.b.auth(p.p.c, mechanism)
}

type playLMTP struct{ p *play }

func (p playLMTP) LMTPData(r io.Reader, s smtp.StatusCollector) error { return p.p.b.lmtp(p.p.c, r, s) }

func unknownUser(_ *smtp.Conn, to string) error {
	if strings.HasPrefix(to, "nobody@") {
		return &smtp.SMTPError{Code: 550, EnhancedCode: smtp.EnhancedCode{5, 1, 1}, Message: "No such user"}
	}
	return nil
}
