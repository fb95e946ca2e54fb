package otelmail_test

import (
	"crypto/tls"
	"maps"
	"net"
	"testing"

	"github.com/rusmes/otelmail"
)

// odd is an address of another kind than TCP.
type odd string

func (o odd) Network() string { return "odd" }
func (o odd) String() string  { return string(o) }

// sessionAttrs returns what the span of an SMTP session says of its connection beyond
// what every one says.
func sessionAttrs(t *testing.T, c otelmail.Conn, opts ...otelmail.StartOption) map[string]string {
	t.Helper()
	got := attrs(spanOf(t, func(tel *otelmail.Telemetry) {
		tel.SMTP.Session(t.Context(), otelmail.RoleMX, c).End(otelmail.CauseNone)
	}, opts...))
	transport := "tcp"
	for _, addr := range []net.Addr{c.Local, c.Remote} {
		if socket, ok := addr.(*net.UnixAddr); ok && socket != nil {
			transport = "unix"
		}
	}
	for key, want := range map[string]string{"network.protocol.name": "smtp", "network.transport": transport, "smtp.role": "mx"} {
		if got[key] != want {
			t.Errorf("%s is %q, want %q", key, got[key], want)
		}
		delete(got, key)
	}
	return got
}

// TestClientAddresses: by default a network and no person; loopback names nobody.
func TestClientAddresses(t *testing.T) {
	for _, tc := range []struct {
		addr         net.Addr
		domain, full string
		port         string
	}{
		{tcp("203.0.113.77:4711"), "203.0.113.0", "203.0.113.77", "4711"},
		{tcp("[2001:db8:1:2:3:4:5:6]:4711"), "2001:db8:1::", "2001:db8:1:2:3:4:5:6", "4711"},
		{tcp("[::ffff:203.0.113.77]:1"), "203.0.113.0", "203.0.113.77", "1"},
		{&net.TCPAddr{IP: net.ParseIP("fe80::1"), Zone: "eth0", Port: 1}, "fe80::", "fe80::1%eth0", "1"},
		{tcp("127.0.0.1:1"), "127.0.0.1", "127.0.0.1", "1"},
		{tcp("[::1]:1"), "::1", "::1", "1"},
		{odd("203.0.113.77:4711"), "203.0.113.0", "203.0.113.77", "4711"}, // a wrapper's, that prints as TCP's do
		{odd("[::ffff:203.0.113.77]:4711"), "203.0.113.0", "203.0.113.77", "4711"},
		{&net.UDPAddr{IP: net.IPv4(203, 0, 113, 77), Port: 2}, "203.0.113.0", "203.0.113.77", "2"},
		{tcp("203.0.113.77:0"), "203.0.113.0", "203.0.113.77", ""},
		{&net.UnixAddr{Name: "/run/lmtp.sock", Net: "unix"}, "", "", ""},
		{(*net.UnixAddr)(nil), "", "", ""},
		{odd("bob@example.org"), "", "", ""},
		{odd(""), "", "", ""},
		{&net.TCPAddr{}, "", "", ""},
		{(*net.TCPAddr)(nil), "", "", ""},
		{nil, "", "", ""},
	} {
		for policy, shown := range map[otelmail.Privacy]string{
			otelmail.PrivacyDomain: tc.domain, otelmail.PrivacyFull: tc.full, otelmail.PrivacyHash: "", otelmail.PrivacyNone: "",
		} {
			want := map[string]string{}
			if shown != "" {
				want["client.address"], want["network.peer.address"] = shown, shown
			}
			if policy == otelmail.PrivacyFull && tc.port != "" {
				want["client.port"], want["network.peer.port"] = tc.port, tc.port
			}
			if got := sessionAttrs(t, otelmail.Conn{Remote: tc.addr}, otelmail.WithPrivacy(policy)); !maps.Equal(got, want) {
				t.Errorf("%v under %v: %v, want %v", tc.addr, policy, got, want)
			}
		}
	}
}

// TestServerAddresses: our own side is no secret under any policy.
func TestServerAddresses(t *testing.T) {
	for _, policy := range policies {
		for addr, want := range map[net.Addr]map[string]string{
			tcp("192.0.2.1:25"):                        {"server.address": "192.0.2.1", "server.port": "25"},
			tcp("[2001:db8::25]:465"):                  {"server.address": "2001:db8::25", "server.port": "465"},
			&net.UnixAddr{Name: "/run/x", Net: "unix"}: {},
		} {
			if got := sessionAttrs(t, otelmail.Conn{Local: addr}, otelmail.WithPrivacy(policy)); !maps.Equal(got, want) {
				t.Errorf("%v under %v: %v, want %v", addr, policy, got, want)
			}
		}
	}
}

// TestTLSAttributes: each version by OpenTelemetry's name for it, and nothing that is not known.
func TestTLSAttributes(t *testing.T) {
	for _, tc := range []struct {
		state           *tls.ConnectionState
		version, cipher string
		done, resumed   string
	}{
		{nil, "", "", "", ""},
		{&tls.ConnectionState{}, "", "", "false", "false"},
		{&tls.ConnectionState{Version: tls.VersionTLS10, HandshakeComplete: true}, "1.0", "", "true", "false"},
		{&tls.ConnectionState{Version: tls.VersionTLS11, HandshakeComplete: true}, "1.1", "", "true", "false"},
		{&tls.ConnectionState{Version: tls.VersionTLS12, HandshakeComplete: true, CipherSuite: tls.TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256},
			"1.2", "TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256", "true", "false"},
		{&tls.ConnectionState{Version: tls.VersionTLS13, HandshakeComplete: true, DidResume: true, CipherSuite: tls.TLS_AES_256_GCM_SHA384},
			"1.3", "TLS_AES_256_GCM_SHA384", "true", "true"},
		{&tls.ConnectionState{Version: 0x0305, CipherSuite: 0xfffe}, "", "0xFFFE", "false", "false"},
	} {
		want := map[string]string{}
		for key, value := range map[string]string{"tls.protocol.version": tc.version, "tls.cipher": tc.cipher,
			"tls.established": tc.done, "tls.resumed": tc.resumed} {
			if value != "" {
				want[key] = value
			}
		}
		if got := sessionAttrs(t, otelmail.Conn{TLS: tc.state}); !maps.Equal(got, want) {
			t.Errorf("%+v: %v, want %v", tc.state, got, want)
		}
	}
}
