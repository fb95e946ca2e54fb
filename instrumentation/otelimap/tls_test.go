package otelimap_test

import (
	"crypto/tls"
	"net"
	"testing"
)

// startTLS upgrades a connection.
func (c *client) startTLS() *client {
	c.t.Helper()
	c.say("STARTTLS", "OK")
	return hand(c.t, tls.Client(c.Conn, insecure))
}

func TestStartTLS(t *testing.T) {
	for name, listener := range map[string]bool{"Wrap alone": false, "with Listener": true} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, setup{listener: listener})
			c := w.dial().startTLS().say("LOGIN bob@example.org secret", "OK").say("CREATE a", "OK").say("NONSENSE", "BAD")
			w.expectSpans("IMAP STARTTLS ok", "IMAP LOGIN ok", "IMAP CREATE ok")
			w.expect(counts{"connections": 1, "active": 1, "plain": 1, "starttls": 1, "commands": 3})
			if v := attr(w.spans.Ended()[2], "tls.protocol.version"); v != "1.3" {
				t.Errorf("tls.protocol.version %q on CREATE, want 1.3", v)
			}
			_ = c.Close()
			w.ended(1, counts{"starttls": 1, "commands": 3})
		})
	}
}

// STARTTLS counts even if the client says nothing after its handshake.
func TestStartTLSAndNothingMore(t *testing.T) {
	for name, listener := range map[string]bool{"Wrap alone": false, "with Listener": true} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, setup{listener: listener})
			c := w.dial().startTLS()
			if err := c.Conn.(*tls.Conn).Handshake(); err != nil {
				t.Fatal(err)
			}
			c.say("LOGOUT", "OK")
			_ = c.Close()
			w.ended(1, counts{"starttls": 1, "commands": 1})
			w.expectSpans("IMAP STARTTLS ok")
		})
	}
}

func TestStartTLSHandshakeThatFails(t *testing.T) {
	for name, listener := range map[string]bool{"Wrap alone": false, "with Listener": true} {
		for hello, bytes := range map[string]string{"garbage": "\x00\x01\x02\x03 no TLS\r\n", "nothing": ""} {
			t.Run(name+": "+hello, func(t *testing.T) {
				w := newWorld(t, setup{listener: listener})
				_ = w.dial().say("STARTTLS", "OK").send(bytes).Close()
				w.ended(1, counts{"commands": 1, "errors": 1})
				w.expectSpans("IMAP STARTTLS ok")
			})
		}
	}
}

func TestImplicitTLS(t *testing.T) {
	for name, listener := range map[string]bool{"Wrap alone": false, "with Listener": true} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, setup{tls: true, listener: listener})
			_ = w.login().Close()
			w.ended(1, counts{"commands": 1})
			span := w.spans.Ended()[0]
			if v, ok := attr(span, "tls.protocol.version"), attr(span, "tls.established"); v != "1.3" || ok != "true" {
				t.Errorf("tls.protocol.version %q, tls.established %q, want 1.3, true", v, ok)
			}
		})
	}
}

// With Listener a handshake that fails is told from a probe that says nothing.
func TestImplicitTLSHandshakeThatFails(t *testing.T) {
	for name, test := range map[string]struct {
		listener bool
		hello    string
		want     counts
	}{
		"garbage, Listener":   {true, "GET / HTTP/1.1\r\n\r\n", counts{"errors": 1}},
		"probe, Listener":     {true, "", counts{}},
		"garbage, Wrap alone": {false, "GET / HTTP/1.1\r\n\r\n", counts{}},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, setup{tls: true, listener: test.listener})
			nc, err := net.Dial("tcp", w.addr)
			if err != nil {
				t.Fatal(err)
			}
			c := hand(t, nc).send(test.hello)
			if test.hello != "" {
				c.closed()
			}
			_ = c.Close()
			w.ended(1, test.want)
		})
	}
}
