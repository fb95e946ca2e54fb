package otelsmtp_test

import (
	"bufio"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"net"
	"strings"
	"testing"

	"github.com/emersion/go-smtp"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"

	"github.com/rusmes/otelmail"
	"github.com/rusmes/otelmail/instrumentation/otelsmtp"
	"github.com/rusmes/otelmail/mailconv"
)

// The client side's TLS, by real sessions with go-smtp's server and with one that says what
// a script has.
func TestClientStartTLS(t *testing.T) {
	config := serverTLS(t)
	withTLS := smtp.NewServer(smtp.BackendFunc(func(*smtp.Conn) (smtp.Session, error) { return picky{}, nil }))
	withTLS.TLSConfig = config
	without := smtp.NewServer(withTLS.Backend)
	other := clientTLS(config)
	other.ServerName = "other.example"
	for name, tc := range map[string]struct {
		address string
		config  *tls.Config
		session string // its type in a TLS report; none for what says nothing of TLS
		result  string // of an attempt that does without TLS then, or of one that has it
	}{
		"encrypted":       {serving(t, withTLS), clientTLS(config), "success", "encrypted"},
		"another name":    {serving(t, withTLS), other, "certificate-host-mismatch", "failed"},
		"nobody's":        {serving(t, withTLS), &tls.Config{ServerName: "mx.example.com", RootCAs: x509.NewCertPool()}, "certificate-not-trusted", "failed"},
		"not offered":     {serving(t, without), clientTLS(config), "starttls-not-supported", "failed"},
		"not now":         {scripted(t, "220 mx", "250-mx\r\n250 STARTTLS", "454 4.7.0 later"), clientTLS(config), "starttls-not-supported", "failed"},
		"no TLS after it": {scripted(t, "220 mx", "250-mx\r\n250 STARTTLS", "220 go on", "hello"), clientTLS(config), "validation-failure", "failed"},
		"no greeting":     {scripted(t, "554 go away"), clientTLS(config), "", ""},
		"broken off":      {scripted(t), clientTLS(config), "", ""},
	} {
		t.Run(name, func(t *testing.T) {
			tel, err := otelmail.New(otelmail.WithMeterProvider(sdkmetric.NewMeterProvider()))
			if err != nil {
				t.Fatal(err)
			}
			attempt := tel.Delivery.Attempt(t.Context(), otelmail.Attempt{TLSPolicy: mailconv.TLSRequired})
			conn, err := attempt.Dial(t.Context(), nil, "tcp", tc.address)
			if err != nil {
				t.Fatal(err)
			}
			client, err := otelsmtp.StartTLS(attempt, conn, "c.example", tc.config)
			reply := otelsmtp.ClientReply(err)
			if (err == nil) != (tc.result == "encrypted") || (client == nil) != (err != nil) {
				t.Errorf("client %v, error %v", client, err)
			}
			if err == nil {
				if got := count(t, tel, "outbound_connections"); got != 1 {
					t.Errorf("%d connections open", got)
				}
				reply, _ = otelsmtp.Send(attempt, client, "a@a.example", []string{"b@b.example"}, strings.NewReader("text"))
				if err := client.Quit(); err != nil {
					t.Error(err)
				}
			}
			attempt.End(reply)
			for session := mailconv.TLSFailure(0); session <= mailconv.STSWebPKIInvalid; session++ {
				label := session.String()
				if session == 0 {
					label = "success"
				}
				want := int64(0)
				if label == tc.session {
					want = 1
				}
				if got := count(t, tel, "tlsrpt_sessions_total", label); got != want {
					t.Errorf("%d sessions are %s, want %d", got, label, want)
				}
			}
			for _, result := range []string{"encrypted", "failed", "plaintext"} {
				want := int64(0)
				if result == tc.result {
					want = 1
				}
				if got := count(t, tel, "outbound_tls_total", "required", result); got != want {
					t.Errorf("%d attempts are %s, want %d", got, result, want)
				}
			}
			if got := count(t, tel, "outbound_connections"); got != 0 {
				t.Errorf("%d connections still open", got)
			}
		})
	}
}

func count(t *testing.T, tel *otelmail.Telemetry, series string, labels ...string) int64 {
	t.Helper()
	n, err := tel.Value(series, labels...)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func serving(t *testing.T, srv *smtp.Server) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	go srv.Serve(l)
	t.Cleanup(func() { l.Close() })
	return l.Addr().String()
}

// scripted answers the first connection, line by line, and hangs up.
func scripted(t *testing.T, lines ...string) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	go func() {
		conn, err := l.Accept()
		if err != nil {
			return
		}
		defer conn.Close()
		r := bufio.NewReader(conn)
		for i, line := range lines {
			if i > 0 {
				if _, err := r.ReadByte(); err != nil { // until the client has spoken
					return
				}
				for r.Buffered() > 0 {
					_, _ = r.ReadByte()
				}
			}
			fmt.Fprint(conn, line+"\r\n")
		}
		_ = conn.(*net.TCPConn).CloseWrite() // closing at once could overtake what was said
		_, _ = io.Copy(io.Discard, conn)
	}()
	return l.Addr().String()
}
