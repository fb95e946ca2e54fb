package otelmail_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"math/big"
	"net"
	"testing"
	"time"

	"github.com/rusmes/otelmail"
	"github.com/rusmes/otelmail/mailconv"
)

// TestDial: a real connection is noted on the span, counts until it is closed, and works as
// it would without us.
func TestDial(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			go func() { _, _ = io.Copy(conn, conn); conn.Close() }()
		}
	}()
	tel, rec := traced(t)
	attempt := tel.Delivery.Attempt(t.Context(), otelmail.Attempt{})
	var dialer net.Dialer
	conn, err := attempt.Dial(t.Context(), dialer.DialContext, "tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	checkValue(t, tel, 1, "outbound_connections")
	echo := make([]byte, 5)
	if _, err := io.WriteString(conn, "hello"); err != nil {
		t.Fatal(err)
	}
	if _, err := io.ReadFull(conn, echo); err != nil || string(echo) != "hello" {
		t.Errorf("came back: %q, %v", echo, err)
	}
	below, ok := conn.(interface{ NetConn() net.Conn })
	if !ok {
		t.Fatalf("a %T shows nothing of what is below", conn)
	}
	if _, ok := below.NetConn().(*net.TCPConn); !ok {
		t.Errorf("below is a %T", below.NetConn())
	}
	if err := conn.Close(); err != nil {
		t.Error(err)
	}
	if err := conn.Close(); !errors.Is(err, net.ErrClosed) {
		t.Errorf("closed twice: %v", err)
	}
	checkValue(t, tel, 0, "outbound_connections")

	ended, cancel := context.WithCancel(t.Context())
	cancel()
	if conn, err := attempt.Dial(ended, nil, "tcp", l.Addr().String()); conn != nil || !errors.Is(err, context.Canceled) {
		t.Errorf("with a context that has ended: %v, %v", conn, err)
	}
	checkValue(t, tel, 1, "outbound_connect_failures_total", "canceled")
	attempt.End(otelmail.Reply{Code: 250})
	if got := attrs(rec.Ended()[0]); got["network.peer.address"] != "127.0.0.1" {
		t.Errorf("the span does not know the peer: %v", got)
	}
}

// TestTLSFailureOf makes each failure by a real handshake.
func TestTLSFailureOf(t *testing.T) {
	good, ended := certificate(t, time.Hour), certificate(t, -time.Hour)
	roots := x509.NewCertPool()
	roots.AddCert(good.Leaf)
	roots.AddCert(ended.Leaf)
	client := func(name string, roots *x509.CertPool) *tls.Config {
		return &tls.Config{ServerName: name, RootCAs: roots}
	}
	for name, tc := range map[string]struct {
		server *tls.Config
		client *tls.Config
		want   mailconv.TLSFailure
	}{
		"nothing":         {serving(good), client("mail.example", roots), 0},
		"another name":    {serving(good), client("other.example", roots), mailconv.CertificateHostMismatch},
		"ended":           {serving(ended), client("mail.example", roots), mailconv.CertificateExpired},
		"nobody's":        {serving(good), client("mail.example", x509.NewCertPool()), mailconv.CertificateNotTrusted},
		"too old a TLS":   {&tls.Config{Certificates: []tls.Certificate{good}, MaxVersion: tls.VersionTLS11, MinVersion: tls.VersionTLS10}, client("mail.example", roots), mailconv.ValidationFailure},
		"no TLS at all":   {nil, client("mail.example", roots), mailconv.ValidationFailure},
		"no certificates": {&tls.Config{GetCertificate: func(*tls.ClientHelloInfo) (*tls.Certificate, error) { return nil, errors.New("none") }}, client("mail.example", roots), mailconv.ValidationFailure},
	} {
		err := shakeHands(t, tc.server, tc.client)
		if got := otelmail.TLSFailureOf(err); got != tc.want {
			t.Errorf("%s: %v is %q, want %q", name, err, got, tc.want)
		}
	}
	if got := otelmail.TLSFailureOf(x509.CertificateInvalidError{Reason: x509.TooManyIntermediates}); got != mailconv.CertificateNotTrusted {
		t.Errorf("a chain that is too long is %q", got)
	}
}

func serving(c tls.Certificate) *tls.Config { return &tls.Config{Certificates: []tls.Certificate{c}} }

// certificate is a self-signed one for mail.example that ends after a while, or has ended.
func certificate(t *testing.T, ends time.Duration) tls.Certificate {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), DNSNames: []string{"mail.example"},
		NotBefore: time.Now().Add(-24 * time.Hour), NotAfter: time.Now().Add(ends), IsCA: true, BasicConstraintsValid: true}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	leaf, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key, Leaf: leaf}
}

// shakeHands is the client's error; a server without a configuration answers in plaintext.
func shakeHands(t *testing.T, server, client *tls.Config) error {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	go func() {
		conn, err := l.Accept()
		if err != nil {
			return
		}
		defer conn.Close()
		if server == nil {
			_, _ = io.WriteString(conn, "454 4.7.0 not now\r\n")
			_, _ = io.Copy(io.Discard, conn)
			return
		}
		_ = tls.Server(conn, server).HandshakeContext(t.Context())
	}()
	conn, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	return tls.Client(conn, client).HandshakeContext(t.Context())
}

// TestTLSFailures: the types have the names of RFC 8460, and the span says the last one.
func TestTLSFailures(t *testing.T) {
	tel, rec := traced(t)
	for f := mailconv.StartTLSNotSupported; f.String() != ""; f++ {
		attempt := tel.Delivery.Attempt(t.Context(), otelmail.Attempt{})
		attempt.TLSFailed(f, nil)
		attempt.End(otelmail.Reply{Cause: otelmail.CauseTLSHandshake})
		spans := rec.Ended()
		if got := attrs(spans[len(spans)-1])["email.tls.failure"]; got != f.String() {
			t.Errorf("%v shows as %q", f, got)
		}
		checkValue(t, tel, 1, "tlsrpt_sessions_total", f.String())
	}
	if n := len(rec.Ended()); n != 11 {
		t.Errorf("%d result types, want the 11 of RFC 8460", n)
	}
}
