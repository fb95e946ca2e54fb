package otelsmtp_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"fmt"
	"math/big"
	"net"
	"testing"
	"time"

	gosmtp "github.com/emersion/go-smtp"

	"github.com/rusmes/otelmail/otelmailtest"
)

func serverTLS(t *testing.T) *tls.Config {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	about := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "mx.example.com"},
		DNSNames: []string{"mx.example.com"}, NotAfter: time.Now().Add(time.Hour),
		IsCA: true, BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, about, about, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	return &tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key}}}
}

func clientTLS(server *tls.Config) *tls.Config {
	roots := x509.NewCertPool()
	if leaf, err := x509.ParseCertificate(server.Certificates[0].Certificate[0]); err == nil {
		roots.AddCert(leaf)
	}
	return &tls.Config{RootCAs: roots, ServerName: "mx.example.com"}
}

func implicitTLS(config *tls.Config) setting {
	return setting{listener: func(l net.Listener) net.Listener { return tls.NewListener(l, config) }}
}

// upgrade says STARTTLS and shakes hands.
func (c *client) upgrade(config *tls.Config) *client {
	c.t.Helper()
	c.say("STARTTLS", "220")
	secure := tls.Client(c.Conn, clientTLS(config))
	if err := secure.Handshake(); err != nil {
		c.t.Fatal(err)
	}
	return hand(c.t, secure)
}

func TestStartTLS(t *testing.T) {
	config := serverTLS(t)
	w := start(t, &script{}, setting{server: func(s *gosmtp.Server) { s.TLSConfig = config }})
	c := w.dial().greet().say("MAIL FROM:<a@sender.example>", "250").upgrade(config)
	w.expect(counts{"rusmes_smtp_connections_total": 1, `rusmes_active_connections{protocol="smtp"}`: 1,
		`rusmes_tls_sessions_total{tls="no"}`: 1, `rusmes_tls_sessions_total{tls="starttls"}`: 1})
	c.say("EHLO client.example.net", "250").say("EHLO client.example.net", "250")
	c.say(transaction, "250", "250").say("DATA", "354").say("hi\r\n.", "250")
	c.say("FOOO", "500")
	w.expect(counts{"rusmes_smtp_connections_total": 1, `rusmes_active_connections{protocol="smtp"}`: 1, "rusmes_smtp_messages_received_total": 1, "rusmes_smtp_errors_total": 1,
		`rusmes_tls_sessions_total{tls="no"}`: 1, `rusmes_tls_sessions_total{tls="starttls"}`: 1})
	c.say("QUIT", "221")
	w.expect(counts{"rusmes_smtp_connections_total": 1, "rusmes_smtp_session_duration_seconds_count": 1, "rusmes_smtp_messages_received_total": 1, "rusmes_smtp_errors_total": 1,
		`rusmes_tls_sessions_total{tls="no"}`: 1, `rusmes_tls_sessions_total{tls="starttls"}`: 1})
}

func TestVanishAfterStartTLS(t *testing.T) {
	config := serverTLS(t)
	w := start(t, &script{}, setting{server: func(s *gosmtp.Server) { s.TLSConfig = config }})
	_ = w.dial().greet().upgrade(config).Close()
	w.expect(ended(counts{`rusmes_tls_sessions_total{tls="starttls"}`: 1}))
}

// TestStartTLSBeforeEHLO: the session began in plaintext all the same.
func TestStartTLSBeforeEHLO(t *testing.T) {
	for _, greets := range []bool{true, false} {
		t.Run(fmt.Sprintf("greets=%v", greets), func(t *testing.T) {
			config := serverTLS(t)
			w := start(t, &script{}, setting{server: func(s *gosmtp.Server) { s.TLSConfig = config }})
			c := w.dial()
			c.answer("220")
			c = c.upgrade(config)
			if greets {
				c.say("EHLO client.example.net", "250").say("QUIT", "221")
			}
			_ = c.Close()
			w.expect(ended(counts{`rusmes_tls_sessions_total{tls="starttls"}`: 1}))
		})
	}
}

func TestStartTLSFails(t *testing.T) {
	config := serverTLS(t)
	w := start(t, &script{}, setting{server: func(s *gosmtp.Server) { s.TLSConfig = config }})
	w.dial().greet().say("STARTTLS", "220").say("this is no TLS record", "550").say("QUIT", "221").closed()
	w.expect(ended(counts{"rusmes_smtp_errors_total": 1}))
	w.Span("SMTP STARTTLS").Has(otelmailtest.Attributes{"error.type": "tls_handshake"})
}

func TestImplicitTLS(t *testing.T) {
	config := serverTLS(t)
	w := start(t, &script{}, implicitTLS(config))
	c := hand(t, tls.Client(w.dial().Conn, clientTLS(config))).greet()
	c.say(transaction, "250", "250").say("DATA", "354").say("hi\r\n.", "250").say("QUIT", "221")
	w.expect(counts{"rusmes_smtp_connections_total": 1, "rusmes_smtp_session_duration_seconds_count": 1, `rusmes_tls_sessions_total{tls="yes"}`: 1, "rusmes_smtp_messages_received_total": 1})
	w.Span("SMTP session").Has(otelmailtest.Attributes{"tls.established": true, "tls.protocol.version": "1.3"})

	if _, err := hand(t, w.dial().Conn).Write([]byte("EHLO this is no TLS\r\n")); err != nil {
		t.Fatal(err)
	}
	w.expect(counts{"rusmes_smtp_connections_total": 2, "rusmes_smtp_session_duration_seconds_count": 2, `rusmes_tls_sessions_total{tls="yes"}`: 2,
		"rusmes_smtp_messages_received_total": 1, "rusmes_smtp_errors_total": 1})
	_ = w.dial().Close() // a look whether the port is open is no error
	w.expect(counts{"rusmes_smtp_connections_total": 3, "rusmes_smtp_session_duration_seconds_count": 3, `rusmes_tls_sessions_total{tls="yes"}`: 3,
		"rusmes_smtp_messages_received_total": 1, "rusmes_smtp_errors_total": 1})
}

func TestImplicitTLSWithoutConfig(t *testing.T) {
	w := start(t, &script{}, implicitTLS(&tls.Config{}))
	if err := tls.Client(w.dial().Conn, &tls.Config{InsecureSkipVerify: true}).Handshake(); err == nil {
		t.Error("a handshake without a certificate succeeded")
	}
	w.expect(counts{"rusmes_smtp_connections_total": 1, "rusmes_smtp_session_duration_seconds_count": 1, `rusmes_tls_sessions_total{tls="yes"}`: 1, "rusmes_smtp_errors_total": 1})
}

// A client that refuses our certificate counts once, however it closes, and with the reason that it gives.
func TestStartTLSRefusedByTheClient(t *testing.T) {
	config := serverTLS(t)
	w := start(t, &script{}, setting{server: func(s *gosmtp.Server) { s.TLSConfig = config }})
	const sessions = 20
	for range sessions {
		c := w.dial().greet().say("STARTTLS", "220")
		// Below TLS 1.3 the alert is not encrypted; OpenSSL's is not there either.
		if err := tls.Client(c.Conn, &tls.Config{ServerName: "elsewhere.example", MaxVersion: tls.VersionTLS12}).Handshake(); err == nil {
			t.Fatal("the certificate was not refused")
		}
		_ = c.Close()
	}
	w.expect(counts{"rusmes_smtp_connections_total": sessions, `rusmes_tls_sessions_total{tls="no"}`: sessions, "rusmes_smtp_session_duration_seconds_count": sessions,
		"rusmes_smtp_errors_total": sessions, "rusmes_connections_lost_total": sessions, `rusmes_connections_lost_total{stage="tls"}`: sessions,
		"rusmes_tls_handshake_failures_total": sessions, `rusmes_tls_handshake_failures_total{direction="in",reason="bad_certificate"}`: sessions})
}
