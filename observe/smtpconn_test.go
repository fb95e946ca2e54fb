package observe_test

import (
	"bufio"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"fmt"
	"io"
	"math/big"
	"net"
	"strings"
	"testing"
	"time"

	"go.opentelemetry.io/otel/trace"

	"github.com/rusmes/otelmail/observe"
	"github.com/rusmes/otelmail/otelmailtest"
)

func certificate(t testing.TB) *tls.Config {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	about := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "mx"}, NotAfter: time.Now().Add(time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, about, about, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	return &tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key}}}
}

// serve is a loop over a connection, as a server of one's own has it.
func serve(conn *observe.SMTPConn, config *tls.Config, contexts chan<- context.Context) {
	defer conn.Close()
	r := bufio.NewReader(conn)
	fmt.Fprint(conn, "220 mx\r\n")
	for {
		l, err := r.ReadString('\n')
		if err != nil {
			return
		}
		switch verb, _, _ := strings.Cut(strings.TrimSpace(l), " "); verb {
		case "STARTTLS":
			fmt.Fprint(conn, "220 go\r\n")
			secure := tls.Server(conn, config)
			if secure.Handshake() != nil {
				fmt.Fprint(conn, "550 no\r\n")
				continue
			}
			conn = conn.Upgrade(secure)
			r = bufio.NewReader(conn)
		case "DATA":
			fmt.Fprint(conn, "354 go\r\n")
			for l != ".\r\n" {
				if l, err = r.ReadString('\n'); err != nil {
					return
				}
			}
			contexts <- conn.Context()
			conn.QueueID("q1")
			fmt.Fprint(conn, "250 ok\r\n")
		case "QUIT":
			fmt.Fprint(conn, "221 bye\r\n")
			return
		case "FOO":
			fmt.Fprint(conn, "500 what\r\n")
		default:
			fmt.Fprint(conn, "250 ok\r\n")
		}
	}
}

// TestSMTPConn has the same dialogue in plaintext, after STARTTLS and with implicit TLS.
func TestSMTPConn(t *testing.T) {
	config := certificate(t)
	for _, way := range []string{"no", "starttls", "yes"} {
		t.Run(way, func(t *testing.T) {
			rec := otelmailtest.New(t)
			near, far := net.Pipe()
			if way == "yes" {
				far = tls.Server(far, config)
				near = tls.Client(near, &tls.Config{InsecureSkipVerify: true})
			}
			contexts := make(chan context.Context, 1)
			done := make(chan struct{})
			go func() { defer close(done); serve(observe.SMTP(rec.Tel, far), config, contexts) }()
			r := bufio.NewReader(near)
			say := func(l, code string) {
				t.Helper()
				if l != "" {
					_, _ = io.WriteString(near, l+"\r\n")
				}
				if got, err := r.ReadString('\n'); err != nil || !strings.HasPrefix(got, code) {
					t.Fatalf("%q was answered %q, %v", l, got, err)
				}
			}
			say("", "220")
			say("EHLO a", "250")
			if way == "starttls" {
				say("STARTTLS", "220")
				near = tls.Client(near, &tls.Config{InsecureSkipVerify: true})
				r = bufio.NewReader(near)
				say("EHLO a", "250")
			}
			say("MAIL FROM:<a@b>", "250")
			say("RCPT TO:<a@one.example>", "250")
			say("DATA", "354")
			say("x\r\n.", "250")
			data := trace.SpanContextFromContext(<-contexts).SpanID()
			say("FOO", "500")
			say("QUIT", "221")
			_, _ = io.Copy(io.Discard, near)
			<-done
			want := otelmailtest.Series{"rusmes_smtp_connections_total": 1, "rusmes_smtp_messages_received_total": 1, "rusmes_smtp_errors_total": 1,
				`rusmes_messages_per_domain_total{domain="one.example"}`: 1, `rusmes_tls_sessions_total{tls="` + way + `"}`: 1,
				"rusmes_replies_total": otelmailtest.Any, "rusmes_tls_handshakes_total": otelmailtest.Any}
			if way == "starttls" {
				want[`rusmes_tls_sessions_total{tls="no"}`] = 1
			}
			rec.Moved(want)
			span := rec.Span("SMTP DATA")
			if span.SpanContext().SpanID() != data {
				t.Error("the context of DATA is not DATA's")
			}
			span.Has(otelmailtest.Attributes{"messaging.message.id": "q1"})
		})
	}
}

// TestSMTPConnFailedHandshake: the client says STARTTLS and then something else.
func TestSMTPConnFailedHandshake(t *testing.T) {
	rec := otelmailtest.New(t)
	near, far := net.Pipe()
	done := make(chan struct{})
	go func() { defer close(done); serve(observe.SMTP(rec.Tel, far), certificate(t), nil) }()
	go func() {
		for _, piece := range []string{"STARTTLS\r\n", "this is no record of TLS\r\n", "NOOP\r\nQUIT\r\n"} {
			_, _ = io.WriteString(near, piece)
		}
	}()
	_, _ = io.Copy(io.Discard, near)
	<-done
	rec.Moved(otelmailtest.Series{"rusmes_smtp_connections_total": 1, "rusmes_smtp_errors_total": 1, `rusmes_tls_sessions_total{tls="no"}`: 1,
		"rusmes_replies_total": otelmailtest.Any, `rusmes_tls_handshake_failures_total{direction="in",reason="not_tls"}`: 1})
}

// slowAddr is a connection behind a proxy, which knows its client only when that has
// spoken.
type slowAddr struct {
	net.Conn
	known chan struct{}
}

func (s slowAddr) RemoteAddr() net.Addr { <-s.known; return s.Conn.RemoteAddr() }

func TestSMTPConnAsksForNoAddress(t *testing.T) {
	near, far := net.Pipe()
	slow := slowAddr{far, make(chan struct{})}
	rec := otelmailtest.New(t)
	conn := observe.SMTP(rec.Tel, slow) // in an accept loop
	go func() { _, _ = io.Copy(io.Discard, near) }()
	close(slow.known)
	fmt.Fprint(conn, "220 mx\r\n")
	_ = conn.Close()
	rec.Has(otelmailtest.Series{"rusmes_smtp_connections_total": 1, "rusmes_active_connections": 0})
}

// FuzzSMTPConn: whatever is said, every byte passes as it is.
func FuzzSMTPConn(f *testing.F) {
	f.Add([]byte("EHLO a\r\nSTARTTLS\r\n\x16\x03"), []byte("220 a\r\n250 b\r\n220 c\r\n\x15"))
	w := newWorld(f)
	f.Fuzz(func(t *testing.T, client, server []byte) {
		near, far := net.Pipe()
		conn := observe.SMTP(w.tel, far)
		heard := make(chan []byte)
		go func() { all, _ := io.ReadAll(near); heard <- all }()
		go func() { _, _ = near.Write(client) }()
		got := make([]byte, len(client))
		if _, err := io.ReadFull(conn, got); err != nil || string(got) != string(client) {
			t.Errorf("the server read %q, %v; want %q", got, err, client)
		}
		if _, err := conn.Write(server); err != nil {
			t.Error(err)
		}
		_ = conn.Close()
		if all := <-heard; string(all) != string(server) {
			t.Errorf("the client read %q, want %q", all, server)
		}
	})
}

// A server that greets does the handshake in Write, and may leave when that fails.
func TestSMTPHandshakeThatFailsInWrite(t *testing.T) {
	rec := otelmailtest.New(t)
	client, server := net.Pipe()
	go fmt.Fprint(client, "QUIT\r\nQUIT\r\n")
	conn := observe.SMTP(rec.Tel, tls.Server(server, certificate(t)))
	go func() { _, _ = io.Copy(io.Discard, client) }()
	if _, err := conn.Write([]byte("220 mx\r\n")); err == nil {
		t.Fatal("a handshake with plaintext")
	}
	conn.Close()
	rec.Has(otelmailtest.Series{"rusmes_smtp_errors_total": 1})
}
