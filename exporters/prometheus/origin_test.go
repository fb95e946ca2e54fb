package prometheus

import (
	"fmt"
	"net"
	"net/http"
	"strings"
	"testing"
	"unicode/utf8"

	prom "github.com/prometheus/client_golang/prometheus"
)

func TestOrigins(t *testing.T) {
	for _, tc := range []struct {
		a, b string
		same bool
	}{
		{"192.0.2.1:1", "192.0.2.1:2", true},
		{"192.0.2.1:1", "192.0.2.2:1", false},
		{"192.0.2.1:1", "[::ffff:192.0.2.1]:2", true},
		{"[2001:db8::1]:1", "[2001:db8::ffff:0:1]:2", true},
		{"[2001:db8::1]:1", "[2001:db8:0:1::1]:1", false},
		{"[fe80::1%eth0]:1", "[fe80::2%eth1]:1", true},
		{"@", "", true},
		{"@", "192.0.2.1:1", false},
	} {
		if same := originOf(tc.a) == originOf(tc.b); same != tc.same {
			t.Errorf("%s and %s: one origin %t, want %t", tc.a, tc.b, same, tc.same)
		}
	}
}

// strangers is a connection from any address.
type strangers struct {
	net.Conn
	address string
}

func (s strangers) RemoteAddr() net.Addr { return text(s.address) }
func (strangers) Close() error           { return nil }

type text string

func (text) Network() string  { return "tcp" }
func (t text) String() string { return string(t) }

// More networks than there are places cost no more memory, and the server still takes
// connections.
func TestConnectionsOfAWorldOfNetworks(t *testing.T) {
	p, err := newCounted(prom.NewRegistry(), "x_total", "X.", serverReasons, newReporter(func(error) {}))
	if err != nil {
		t.Fatal(err)
	}
	for _, withTLS := range []bool{false, true} {
		a := newConnections(p, withTLS, &reserve{})
		for i := range 10 * mostOrigins {
			c := a.admit(strangers{address: fmt.Sprintf("[2001:db8:%x:%x::1]:1", i>>8, i&255)})
			if c == nil && !withTLS {
				t.Fatalf("connection %d is refused", i)
			}
			if c != nil && i%3 == 0 {
				_ = c.Close()
			}
			if len(a.open) > mostConns || len(a.origins) > mostOrigins+1 {
				t.Fatalf("%d connections of %d origins are kept", len(a.open), len(a.origins))
			}
		}
		sum := 0
		for _, c := range a.origins {
			sum += c.open
		}
		if sum != len(a.open) {
			t.Errorf("%d connections are counted, and %d open", sum, len(a.open))
		}
	}
}

// Messages that differ in what a stranger chooses are one kind, and kinds are few.
func TestKindsOfMessages(t *testing.T) {
	k := &kinds{}
	for _, tc := range []struct{ a, b string }{
		{"http: TLS handshake error from 192.0.2.1:1: EOF", "http: TLS handshake error from [2001:db8::1]:2: EOF"},
		{"http: TLS handshake error from 192.0.2.1:1: tls: client offered only unsupported versions: [301]", "http: TLS handshake error from 192.0.2.1:1: tls: client offered only unsupported versions: [302 301]"},
		{"http: TLS handshake error from 192.0.2.1:1: unknown authority \"a\"", "http: TLS handshake error from 192.0.2.1:1: unknown authority \"b\""},
		{"http: panic serving 192.0.2.1:1: no\ngoroutine 1", "http: panic serving 192.0.2.1:2: no\ngoroutine 2"},
	} {
		if k.of(tc.a) != k.of(tc.b) {
			t.Errorf("two kinds: %q, %q", k.of(tc.a), k.of(tc.b))
		}
	}
	if a, b := k.of("http: TLS handshake error from 192.0.2.1:1: EOF"), k.of("http: TLS handshake error from 192.0.2.1:1: bad certificate"); a == b {
		t.Errorf("one kind: %q", a)
	}
	for i := range 1000 {
		k.of(strings.Repeat("x", i))
	}
	if len(k.seen) > mostKinds {
		t.Errorf("%d kinds", len(k.seen))
	}
}

// FuzzServerText is what a stranger can make of credentials, of a handshake and of an address.
func FuzzServerText(f *testing.F) {
	f.Add("http: TLS handshake error from [::1]:1: \xff", "[fe80::1%\xff]:1", "Basic Og==")
	l, err := newLogins()
	if err != nil {
		f.Fatal(err)
	}
	u := users{"a": "$2a$04$7QJfjxhxlVxC1Ar2Tby0mOYL7PqSo4o4g6dPVH0f2t7m9N5cQ0Sdy"}
	f.Fuzz(func(t *testing.T, message, address, authorization string) {
		k := &kinds{}
		if kind := k.of(message); utf8.ValidString(message) && !utf8.ValidString(kind) {
			t.Errorf("%q becomes %q", message, kind)
		}
		if from := originOf(address); from.IsValid() && from != originOf(strings.TrimSpace(address)) {
			t.Errorf("%q: %v", address, from)
		}
		r := &http.Request{Header: http.Header{"Authorization": {authorization}}}
		c, given := u.credentials(r)
		if l.digest(c) == nil || given && c.hash == "" {
			t.Errorf("%q: %+v", authorization, c)
		}
	})
}
