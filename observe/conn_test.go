package observe_test

import (
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"testing"

	"github.com/rusmes/otelmail"
	"github.com/rusmes/otelmail/observe"
	"github.com/rusmes/otelmail/otelmailtest"
)

// connections observe a connection, and what one is to go on with after STARTTLS.
var connections = map[string]struct {
	upgrade, ok, errors string
	observe             func(*otelmail.Telemetry, net.Conn) (plain net.Conn, upgrade func(*tls.Conn) net.Conn)
}{
	"smtp": {"STARTTLS\r\n", "220 go\r\n", "rusmes_smtp_errors_total", func(tel *otelmail.Telemetry, nc net.Conn) (net.Conn, func(*tls.Conn) net.Conn) {
		c := observe.SMTP(tel, nc, nil)
		return c, func(tc *tls.Conn) net.Conn { return c.Upgrade(tc) }
	}},
	"imap": {"a STARTTLS\r\n", "a OK go\r\n", "rusmes_imap_errors_total", func(tel *otelmail.Telemetry, nc net.Conn) (net.Conn, func(*tls.Conn) net.Conn) {
		c := observe.IMAP(tel, nc, nil)
		return c, func(tc *tls.Conn) net.Conn { return c.Upgrade(tc) }
	}},
	"pop3": {"STLS\r\n", "+OK go\r\n", "", func(tel *otelmail.Telemetry, nc net.Conn) (net.Conn, func(*tls.Conn) net.Conn) {
		c := observe.POP3(tel, nc)
		return c, func(tc *tls.Conn) net.Conn { return c.Upgrade(tc) }
	}},
}

var greetings = map[string]string{"smtp": "220 mx\r\n", "imap": "* OK ready\r\n", "pop3": "+OK ready\r\n"}

// A handshake that comes with the first Read counts, even if nothing comes after it.
func TestUpgradeThenNothing(t *testing.T) {
	for protocol, test := range connections {
		t.Run(protocol, func(t *testing.T) {
			rec := otelmailtest.New(t)
			near, far := net.Pipe()
			go func() {
				buffer := make([]byte, 100)
				_, _ = near.Read(buffer)
				_, _ = io.WriteString(near, test.upgrade)
				_, _ = near.Read(buffer)
				secure := tls.Client(near, &tls.Config{InsecureSkipVerify: true, MaxVersion: tls.VersionTLS12})
				_ = secure.Handshake()
				_ = secure.Close()
			}()
			plain, upgrade := test.observe(rec.Tel, far)
			fmt.Fprint(plain, greetings[protocol])
			_, _ = plain.Read(make([]byte, 100))
			fmt.Fprint(plain, test.ok)
			secure := upgrade(tls.Server(plain, certificate(t)))
			if _, err := secure.Read(make([]byte, 100)); err == nil {
				t.Fatal("something was said")
			}
			_ = secure.Close()
			rec.Has(otelmailtest.Series{`rusmes_tls_sessions_total{tls="starttls"}`: 1})
			if test.errors != "" {
				rec.Has(otelmailtest.Series{test.errors: 0})
			}
		})
	}
}

// A greeting that implicit TLS never carried is not one: the failed handshake alone counts.
func TestGreetingBehindFailedHandshake(t *testing.T) {
	for protocol, refusal := range map[string]string{"smtp": "554 no\r\n", "imap": "* NO no\r\n"} {
		t.Run(protocol, func(t *testing.T) {
			rec := otelmailtest.New(t)
			near, far := net.Pipe()
			go func() { _, _ = io.WriteString(near, "QUIT\r\nQUIT\r\n") }()
			go func() { _, _ = io.Copy(io.Discard, near) }()
			conn, _ := connections[protocol].observe(rec.Tel, tls.Server(far, certificate(t)))
			if _, err := io.WriteString(conn, refusal); err == nil {
				t.Fatal("a handshake with plaintext")
			}
			_ = conn.Close()
			rec.Has(otelmailtest.Series{connections[protocol].errors: 1})
		})
	}
}

// Whoever wraps a connection twice, in a listener and in a handler, counts it once.
func TestObservedTwice(t *testing.T) {
	for protocol, test := range connections {
		near, far := net.Pipe()
		defer far.Close()
		once, _ := test.observe(otelmail.Noop(), near)
		if twice, _ := test.observe(otelmail.Noop(), once); twice != once {
			t.Errorf("%s: observed twice it is a %T", protocol, twice)
		}
	}
}
