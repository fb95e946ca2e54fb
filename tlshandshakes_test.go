package otelmail_test

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"maps"
	"net"
	"testing"
	"time"

	"github.com/rusmes/otelmail"
)

// TestTLSHandshakes shakes hands for each version of TLS and for each failure that
// crypto/tls can be brought to, and counts both sides: the server's session and the
// delivery of the client.
func TestTLSHandshakes(t *testing.T) {
	good, expired := selfSigned(), selfSignedUntil(time.Now().Add(-time.Hour))
	roots := func(c tls.Certificate) *x509.CertPool {
		pool := x509.NewCertPool()
		leaf, err := x509.ParseCertificate(c.Certificate[0])
		if err != nil {
			t.Fatal(err)
		}
		pool.AddCert(leaf)
		return pool
	}
	version := func(v uint16) func(s, c *tls.Config) {
		return func(_, c *tls.Config) { c.MinVersion, c.MaxVersion = v, v }
	}
	for _, tc := range []struct {
		name    string
		with    func(server, client *tls.Config)
		client  func(net.Conn) error // in the place of a handshake
		in, out string
	}{
		{name: "1.0", with: version(tls.VersionTLS10), in: "done 1.0", out: "done 1.0"},
		{name: "1.1", with: version(tls.VersionTLS11), in: "done 1.1", out: "done 1.1"},
		{name: "1.2", with: version(tls.VersionTLS12), in: "done 1.2", out: "done 1.2"},
		{name: "1.3", with: version(tls.VersionTLS13), in: "done 1.3", out: "done 1.3"},
		{name: "no common version", with: func(s, c *tls.Config) { s.MinVersion, c.MaxVersion = tls.VersionTLS13, tls.VersionTLS12 },
			in: "protocol_version", out: "protocol_version"},
		{name: "no common cipher", with: func(s, c *tls.Config) {
			s.MaxVersion, c.MaxVersion = tls.VersionTLS12, tls.VersionTLS12
			s.CipherSuites = []uint16{tls.TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256}
			c.CipherSuites = []uint16{tls.TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384}
		}, in: "negotiation", out: "negotiation"},
		{name: "no common application protocol", with: func(s, c *tls.Config) { s.NextProtos, c.NextProtos = []string{"smtp"}, []string{"imap"} },
			in: "alpn", out: "alpn"},
		{name: "expired", with: func(s, c *tls.Config) { s.Certificates, c.RootCAs = []tls.Certificate{expired}, roots(expired) },
			in: "bad_certificate", out: "expired"}, // Go's client says bad_certificate
		{name: "unknown authority", with: func(_, c *tls.Config) { c.RootCAs = x509.NewCertPool() }, in: "bad_certificate", out: "unknown_authority"},
		{name: "another name", with: func(_, c *tls.Config) { c.ServerName = "mail.example.org" }, in: "bad_certificate", out: "hostname"},
		{name: "no certificate", with: func(s, _ *tls.Config) { s.Certificates = nil }, in: "bad_certificate", out: "hostname"}, // alert 112 of RFC 6066,
		{name: "no client certificate", with: func(s, _ *tls.Config) {
			s.ClientAuth, s.MaxVersion = tls.RequireAnyClientCert, tls.VersionTLS12
		}, in: "client_certificate", out: "negotiation"},
		{name: "plaintext", client: func(c net.Conn) error { _, err := c.Write([]byte("EHLO client.example\r\n")); return err }, in: "not_tls"},
		{name: "leaves", client: net.Conn.Close, in: "closed"},
		{name: "says nothing", client: func(c net.Conn) error { _, err := c.Read(make([]byte, 1)); _ = err; return nil }, in: "timeout"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			tel, reader := start(t)
			serverConfig := &tls.Config{Certificates: []tls.Certificate{good}, MinVersion: tls.VersionTLS10}
			clientConfig := &tls.Config{RootCAs: roots(good), ServerName: "mail.example", MinVersion: tls.VersionTLS10}
			if tc.with != nil {
				tc.with(serverConfig, clientConfig)
			}
			ours, theirs := tcpPipe(t)
			done := make(chan struct{})
			go func() {
				defer close(done)
				server := tls.Server(ours, serverConfig)
				wait := 10 * time.Second
				if tc.in == "timeout" {
					wait = 20 * time.Millisecond
				}
				_ = ours.SetDeadline(time.Now().Add(wait))
				s := tel.SMTP.Session(context.Background(), otelmail.RoleMX, otelmail.Conn{TLS: &tls.ConnectionState{}})
				if err := server.Handshake(); err != nil {
					s.TLSFailed(err)
					s.TLSFailed(errors.New("again"))
					s.End(otelmail.CauseTLSHandshake)
				} else {
					s.TLS(server.ConnectionState())
					s.TLS(server.ConnectionState())
					_, _ = io.Copy(io.Discard, server)
					s.End(otelmail.CauseNone)
				}
				ours.Close()
			}()
			attempt := tel.Delivery.Attempt(t.Context(), otelmail.Attempt{Transport: otelmail.TransportSMTP})
			switch client := tls.Client(theirs, clientConfig); {
			case tc.client != nil:
				if err := tc.client(theirs); err != nil {
					t.Fatal(err)
				}
			default:
				err := client.Handshake()
				if err == nil { // in TLS 1.3 what the server does not like comes afterwards
					_ = client.SetReadDeadline(time.Now().Add(50 * time.Millisecond))
					if _, later := client.Read(make([]byte, 1)); !isTimeout(later) {
						err = later
					}
				}
				if err != nil {
					attempt.TLSFailed(otelmail.TLSFailureOf(err), err)
				} else {
					attempt.TLS(client.ConnectionState())
				}
			}
			if tc.in != "timeout" && tc.in != "not_tls" {
				theirs.Close()
			}
			<-done
			want := moves{}
			for direction, how := range map[string]string{"in": tc.in, "out": tc.out} {
				switch {
				case how == "":
				case how[:2] == "do":
					want["tls_handshakes_total/"+direction+"/"+how[5:]] = 1
				default:
					want["tls_handshake_failures_total/"+direction+"/"+how] = 1
				}
			}
			got := values(t, reader)
			for name := range got {
				if family, _ := cut(name); family != "tls_handshakes_total" && family != "tls_handshake_failures_total" {
					delete(got, name)
				}
			}
			if !maps.Equal(got, want) {
				t.Errorf("counted %v, want %v", got, want)
			}
		})
	}
}

func isTimeout(err error) bool {
	var network net.Error
	return errors.As(err, &network) && network.Timeout()
}

// tcpPipe is a connection with both its ends.
func tcpPipe(t *testing.T) (server, client net.Conn) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	client, err = net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { client.Close() })
	server, err = l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { server.Close() })
	return server, client
}
