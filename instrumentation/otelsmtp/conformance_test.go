package otelsmtp_test

import (
	"context"
	"crypto/tls"
	"io"
	"net"
	"strings"
	"testing"

	"github.com/emersion/go-sasl"
	gosmtp "github.com/emersion/go-smtp"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"

	"github.com/rusmes/otelmail"
	"github.com/rusmes/otelmail/export"
	"github.com/rusmes/otelmail/otelmailtest"
)

// plainOrLogin lets the user "user" in with the password "secret".
func plainOrLogin(_ *gosmtp.Conn, mechanism string) (sasl.Server, error) {
	switch mechanism {
	case sasl.Login:
		return &login{}, nil
	case sasl.Plain:
		return sasl.NewPlainServer(func(_, _, password string) error {
			if password != "secret" {
				return gosmtp.ErrAuthFailed
			}
			return nil
		}), nil
	}
	return nil, gosmtp.ErrAuthUnknownMechanism
}

// What a server of go-smtp's counts is what is said on the wire, whoever the client is.
func TestConformance(t *testing.T) {
	config := serverTLS(t)
	b := &script{auth: plainOrLogin, rcpt: unknownUser, data: func(_ *gosmtp.Conn, r io.Reader) error {
		text, err := io.ReadAll(r)
		if err == nil && strings.HasPrefix(string(text), "no header") {
			return &gosmtp.SMTPError{Code: 554, Message: "No header"}
		}
		return err
	}}
	for name, set := range map[string]setting{
		"SMTP":                  {server: func(s *gosmtp.Server) { s.TLSConfig, s.MaxMessageBytes, s.MaxRecipients = config, 1_000_000, 3 }},
		"SMTP without STARTTLS": {},
		"SMTPS":                 {listener: func(l net.Listener) net.Listener { return tls.NewListener(l, config) }},
		"LMTP":                  {server: func(s *gosmtp.Server) { s.LMTP, s.TLSConfig = true, config }},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			backend := b
			if name == "LMTP" {
				backend = perRecipient()
				backend.auth = plainOrLogin
			}
			ended := tracetest.NewSpanRecorder()
			set.tel = append(set.tel, otelmail.WithExporter(export.Func(func(_ context.Context, p export.Pipeline) error {
				p.AddSpanProcessor(ended)
				return nil
			})))
			w := start(t, backend, set)
			server := otelmailtest.Server{
				Metrics: otelmailtest.MetricsFrom(w.Tel.Reader()), Spans: ended.Ended, Sessions: 30,
				Recipients: []string{"user@example.org", "full@example.com"}, Refused: "nobody@example.net",
			}
			protocol, _, _ := strings.Cut(name, " ")
			*map[string]*otelmailtest.Dial{"SMTP": &server.SMTP, "SMTPS": &server.SMTPS, "LMTP": &server.LMTP}[protocol] = otelmailtest.DialTCP(w.addr)
			otelmailtest.Conformance(t, server)
		})
	}
}
