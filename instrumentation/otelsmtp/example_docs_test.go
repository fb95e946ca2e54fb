package otelsmtp_test

import (
	"context"
	"crypto/tls"
	"io"
	"net"
	"time"

	"github.com/emersion/go-smtp"

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
