package otelmail_test

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"syscall"
	"testing"
	"time"

	"github.com/rusmes/otelmail"
)

func TestCauseOf(t *testing.T) {
	expired, cancel := context.WithTimeout(t.Context(), time.Nanosecond)
	defer cancel()
	<-expired.Done()
	_, refused := net.DialTimeout("tcp", closedPort(t), time.Second)
	_, dns := (&net.Resolver{PreferGo: true, Dial: func(context.Context, string, string) (net.Conn, error) {
		return nil, errors.New("no resolver")
	}}).LookupHost(t.Context(), "mx.invalid")
	_, missing := os.Open("/nonexistent/spool")
	client, server := handshake(&tls.Config{ServerName: "other.example"})
	for _, tc := range []struct {
		err  error
		want otelmail.Cause
	}{
		{nil, otelmail.CauseNone},
		{expired.Err(), otelmail.CauseTimeout},
		{os.ErrDeadlineExceeded, otelmail.CauseTimeout},
		{refused, otelmail.CauseRefused},
		{&net.OpError{Op: "dial", Err: os.NewSyscallError("connect", syscall.EHOSTUNREACH)}, otelmail.CauseNoRoute},
		{syscall.ENETUNREACH, otelmail.CauseNoRoute},
		{syscall.ECONNRESET, otelmail.CauseReset},
		{syscall.EPIPE, otelmail.CauseReset},
		{io.EOF, otelmail.CauseEOF},
		{io.ErrUnexpectedEOF, otelmail.CauseEOF},
		{client, otelmail.CauseTLSHandshake},
		{server, otelmail.CauseTLSHandshake},
		{dns, otelmail.CauseDNS},
		{context.Canceled, otelmail.CauseCanceled},
		{net.ErrClosed, otelmail.CauseCanceled},
		{missing, otelmail.CauseStorage},
		{syscall.ENOSPC, otelmail.CauseStorage},
		{errors.New("550 no bob@example.org here"), otelmail.CauseOther},
	} {
		if got := otelmail.CauseOf(tc.err); got != tc.want {
			t.Errorf("CauseOf(%T %v) = %q, want %q", tc.err, tc.err, got, tc.want)
		}
		if tc.err != nil {
			if got := otelmail.CauseOf(fmt.Errorf("wrapped: %w", tc.err)); got != tc.want {
				t.Errorf("CauseOf(wrapped %v) = %q, want %q", tc.err, got, tc.want)
			}
		}
	}
	if got := otelmail.Cause(200).String(); got != "_OTHER" {
		t.Errorf("an unknown cause is %q", got)
	}
}

func closedPort(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

// handshake fails, and returns both sides' errors: the client's, which refuses the
// certificate, and the server's, which gets the client's alert.
func handshake(c *tls.Config) (client, server error) {
	a, b := net.Pipe()
	defer a.Close()
	defer b.Close()
	done := make(chan error, 1)
	go func() { done <- tls.Server(b, &tls.Config{Certificates: []tls.Certificate{selfSigned()}}).Handshake() }()
	client = tls.Client(a, c).Handshake()
	return client, <-done
}
