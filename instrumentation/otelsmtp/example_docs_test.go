package otelsmtp_test

import (
	"bufio"
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"log"
	"net"
	"net/netip"
	"strings"
	"sync"
	"time"

	"github.com/emersion/go-smtp"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"

	"github.com/rusmes/otelmail"
	"github.com/rusmes/otelmail/instrumentation/otelsmtp"
	"github.com/rusmes/otelmail/mailconv"
)

// What a program has, as the examples of the documentation take it.
var (
	ctx     = context.Background()
	backend smtp.Backend
	blocked func(net.Addr) bool
)

func ExampleNewServer() {
	tel := otelmail.Noop()
	server := otelsmtp.NewServer(tel, smtp.NewServer(backend), otelsmtp.MaxConnections(500), otelsmtp.Block(blocked))
	server.ListenAndServe()
}

// Implicit TLS, with the TLSConfig of the smtp.Server.
func ExampleServer_ListenAndServeTLS() {
	server := otelsmtp.NewServer(otelmail.Noop(), smtp.NewServer(backend))
	server.ListenAndServeTLS()
}

// Session is a backend's. Its other methods are those of inbox.
type Session struct {
	inbox
	conn  *smtp.Conn
	store func(context.Context, io.Reader) error
}

func ExampleContext() {
	var s Session
	_ = s.Data
}

func (s *Session) Data(r io.Reader) error {
	ctx := otelsmtp.Context(s.conn) // store the message under the span of DATA
	return s.store(ctx, r)
}

func ExampleSend() {
	from, to := "a@example.org", []string{"b@example.net"}
	var message io.Reader
	tel := otelmail.Noop()
	connect := func(context.Context) (*smtp.Client, error) { return smtp.Dial("mx.example.net:25") }

	deliver := func(ctx context.Context, d otelmail.Delivering) otelmail.Reply {
		client, err := connect(ctx)
		if err != nil {
			return otelsmtp.ClientReply(err)
		}
		defer client.Close()
		reply, _ := otelsmtp.Send(d, client, from, to, message) // and who was refused
		return reply
	}
	attempt := tel.Delivery.Attempt(ctx, otelmail.Attempt{Domain: "example.net", TLSPolicy: mailconv.TLSOpportunistic})
	attempt.End(deliver(attempt.Context(), attempt))
}

// The attempt connects, which its phases and series show, and upgrades to TLS.
func ExampleStartTLS() {
	attempt := otelmail.Noop().Delivery.Attempt(ctx, otelmail.Attempt{Domain: "example.net", TLSPolicy: mailconv.TLSMTASTS})
	var dialer net.Dialer

	connect := func(ctx context.Context) (*smtp.Client, error) {
		conn, err := attempt.Dial(ctx, dialer.DialContext, "tcp", "mx.example.net:25")
		if err != nil {
			return nil, err
		}
		return otelsmtp.StartTLS(attempt, conn, "mail.example.org", &tls.Config{ServerName: "mx.example.net"})
	}
	client, err := connect(attempt.Context())
	attempt.End(otelsmtp.ClientReply(err))
	_ = client
}

// A server that stops: no new client, the transactions in progress end, the rest is cut off.
func ExampleServer_Shutdown() {
	server := otelsmtp.NewServer(otelmail.Noop(), smtp.NewServer(backend))
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	_ = server.Shutdown(ctx)
	_ = server.Close()
}

// A backend's own session, from go-smtp's connection.
func ExampleUnwrap() {
	var conn *smtp.Conn
	if mine, ok := otelsmtp.Unwrap(conn.Session()).(*Session); ok {
		_ = mine.store
	}
}

// behindProxy is a listener behind a load balancer that speaks the PROXY protocol. In place of it
// take one that knows both versions, and whom to believe.
type behindProxy struct{ net.Listener }

func (l behindProxy) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	return &behindProxyConn{Conn: c, text: bufio.NewReader(c)}, nil
}

type behindProxyConn struct {
	net.Conn
	text   *bufio.Reader
	once   sync.Once
	client net.Addr
}

// RemoteAddr waits for "PROXY TCP4 192.0.2.77 198.51.100.1 52110 25".
func (c *behindProxyConn) RemoteAddr() net.Addr {
	c.once.Do(func() {
		c.client = c.Conn.RemoteAddr()
		header, _ := c.text.ReadString('\n')
		if f := strings.Fields(header); len(f) == 6 {
			if a, err := netip.ParseAddrPort(net.JoinHostPort(f[2], f[4])); err == nil {
				c.client = net.TCPAddrFromAddrPort(a)
			}
		}
	})
	return c.client
}

func (c *behindProxyConn) Read(b []byte) (int, error) {
	c.RemoteAddr()
	return c.text.Read(b)
}

// The client is who the PROXY header names.
func ExampleServer_Serve() {
	spans := tracetest.NewSpanRecorder()
	tel, err := otelmail.New(
		otelmail.WithTracerProvider(sdktrace.NewTracerProvider(sdktrace.WithSpanProcessor(spans))),
		otelmail.WithPrivacy(otelmail.PrivacyFull),
	)
	if err != nil {
		log.Fatal(err)
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		log.Fatal(err)
	}
	server := otelsmtp.NewServer(tel, smtp.NewServer(inbox{}))
	address := listener.Addr().String()
	go func() {
		var err error
		listener = behindProxy{listener} // whose connections' RemoteAddr is what the PROXY header says
		err = server.Serve(listener)
		_ = err
	}()
	client, err := net.Dial("tcp", address)
	if err != nil {
		log.Fatal(err)
	}
	_, _ = client.Write([]byte("PROXY TCP4 192.0.2.77 198.51.100.1 52110 25\r\nQUIT\r\n"))
	_, _ = io.Copy(io.Discard, client)
	_ = server.Shutdown(ctx)
	for _, span := range spans.Ended() {
		for _, a := range span.Attributes() {
			if span.Name() == "SMTP session" && a.Key == "client.address" {
				fmt.Println(a.Value.AsString())
			}
		}
	}
	// Output: 192.0.2.77
}
