package otelimap_test

import (
	"crypto/tls"
	"net"
	"testing"

	"github.com/rusmes/otelmail/otelmailtest"
)

// startTLS upgrades a connection.
func (c *client) startTLS() *client {
	c.t.Helper()
	c.say("STARTTLS", "OK")
	return hand(c.t, tls.Client(c.Conn, insecure))
}

func TestStartTLS(t *testing.T) {
	w := newWorld(t, setup{})
	c := w.dial().startTLS().say("LOGIN bob@example.org secret", "OK").say("CREATE a", "OK").say("NONSENSE", "BAD")
	w.expectSpans("IMAP STARTTLS ok", "IMAP LOGIN ok", "IMAP CREATE ok", "IMAP _OTHER bad bad")
	w.expect(counts{connections: 1, active: 1, plain: 1, starttls: 1, commands: 4, errs: 1})
	w.Span("IMAP CREATE").Has(otelmailtest.Attributes{"tls.protocol.version": "1.3"})
	_ = c.Close()
	w.ended(1, counts{starttls: 1, commands: 4, errs: 1})
}

// STARTTLS counts even if the client says nothing after its handshake.
func TestStartTLSAndNothingMore(t *testing.T) {
	for name, logout := range map[string]bool{"LOGOUT": true, "nothing": false} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, setup{})
			c := w.dial().startTLS()
			if err := c.Conn.(*tls.Conn).Handshake(); err != nil {
				t.Fatal(err)
			}
			want, spans := counts{starttls: 1, commands: 1}, []string{"IMAP STARTTLS ok"}
			if logout {
				c.say("LOGOUT", "OK")
				want[commands]++
				spans = append(spans, "IMAP LOGOUT ok")
			}
			_ = c.Close()
			w.ended(1, want)
			w.expectSpans(spans...)
		})
	}
}

func TestStartTLSHandshakeThatFails(t *testing.T) {
	for hello, bytes := range map[string]string{"garbage": "\x00\x01\x02\x03 no TLS\r\n", "nothing": ""} {
		t.Run(hello, func(t *testing.T) {
			w := newWorld(t, setup{})
			_ = w.dial().say("STARTTLS", "OK").send(bytes).Close()
			w.ended(1, counts{commands: 1, errs: 1})
			w.expectSpans("IMAP STARTTLS ok")
		})
	}
}

func TestImplicitTLS(t *testing.T) {
	for name, foreign := range map[string]bool{"of crypto/tls": false, "of a listener's own": true} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, setup{tls: true, foreign: foreign})
			_ = w.login().Close()
			w.ended(1, counts{commands: 1})
			w.Span("IMAP LOGIN").Has(otelmailtest.Attributes{"tls.protocol.version": "1.3", "tls.established": true})
		})
	}
}

// A handshake that fails is told from a probe that says nothing, and from a client
// that leaves right after its handshake.
func TestImplicitTLSHandshakeThatFails(t *testing.T) {
	for way, foreign := range map[string]bool{"of crypto/tls": false, "of a listener's own": true} {
		for name, test := range map[string]struct {
			hello string
			want  counts
		}{
			"garbage": {"GET / HTTP/1.1\r\n\r\n", counts{errs: 1}},
			"probe":   {"", counts{}},
			"leaves":  {"handshake", counts{}},
		} {
			t.Run(name+", "+way, func(t *testing.T) {
				w := newWorld(t, setup{tls: true, foreign: foreign})
				nc, err := net.Dial("tcp", w.addr)
				if err != nil {
					t.Fatal(err)
				}
				switch test.hello {
				case "":
				case "handshake":
					if err := tls.Client(nc, insecure).Handshake(); err != nil {
						t.Fatal(err)
					}
				default:
					hand(t, nc).send(test.hello).closed()
				}
				_ = nc.Close()
				w.ended(1, test.want)
			})
		}
	}
}

// A client that refuses our certificate counts once, however it closes, and with the reason that it gives.
func TestStartTLSRefusedByTheClient(t *testing.T) {
	w := newWorld(t, setup{})
	const sessions = 20
	for range sessions {
		c := w.dial().say("STARTTLS", "OK")
		// Below TLS 1.3 the alert is not encrypted; OpenSSL's is not there either.
		if err := tls.Client(c.Conn, &tls.Config{ServerName: "elsewhere.example", MaxVersion: tls.VersionTLS12}).Handshake(); err == nil {
			t.Fatal("the certificate was not refused")
		}
		_ = c.Close()
	}
	w.ended(sessions, counts{commands: sessions, errs: sessions,
		"rusmes_tls_handshake_failures_total": sessions, `rusmes_tls_handshake_failures_total{direction="in",reason="bad_certificate"}`: sessions})
}
