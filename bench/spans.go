package main

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"

	"go.opentelemetry.io/otel/trace"

	"github.com/rusmes/otelmail"
	"github.com/rusmes/otelmail/mailconv"
)

func spanDuels(ctx context.Context) ([]duel, error) {
	tel, err := start(ctx, spansTo(discardSpans{}))
	if err != nil {
		return nil, err
	}
	session := tel.SMTP.Session(ctx, otelmail.RoleMX, otelmail.Conn{})
	within := session.Context()
	bare := tel.TracerProvider().Tracer("bench")
	kind := []trace.SpanStartOption{trace.WithSpanKind(trace.SpanKindServer)}
	reply := otelmail.Reply{Code: 250, Enhanced: otelmail.EnhancedCode{2, 1, 5}}
	keys := mailconv.To()
	key := []byte("0123456789abcdef")
	hash := func(address string) string {
		mac := hmac.New(sha256.New, key)
		mac.Write([]byte(address))
		return hex.EncodeToString(mac.Sum(nil)[:8])
	}

	ours := func(n int) {
		for range n {
			session.Command(mailconv.SMTPRcpt).End(reply)
		}
	}
	theirs := func(n int) {
		for range n {
			_, span := bare.Start(within, "SMTP RCPT", kind...)
			span.SetAttributes(
				mailconv.SMTPCommandKey.String("RCPT"),
				mailconv.SMTPStatusCodeKey.Int(250),
				mailconv.SMTPEnhancedCodeKey.String("2.1.5"))
			span.End()
		}
	}
	oursTo := func(n int) {
		for range n {
			cmd := session.Command(mailconv.SMTPRcpt)
			cmd.Note(otelmail.SMTPFacts{To: recipient})
			cmd.End(reply)
		}
	}
	theirsTo := func(n int) {
		for range n {
			_, span := bare.Start(within, "SMTP RCPT", kind...)
			span.SetAttributes(
				keys.Domain.String(recipientDomain),
				keys.Hash.String(hash(recipient)),
				mailconv.SMTPCommandKey.String("RCPT"),
				mailconv.SMTPStatusCodeKey.Int(250),
				mailconv.SMTPEnhancedCodeKey.String("2.1.5"))
			span.End()
		}
	}
	note := "Both spans end in a processor that discards them."
	return []duel{
		{row: Row{ID: "span", What: "a sampled command span with its attributes", Against: "the bare OpenTelemetry tracer, the same attributes set at once", Goal: Goal{Ratio: 1.15},
			Note: note + " Verb, reply code and enhanced code."}, ours: ours, theirs: theirs},
		{row: Row{ID: "span-recipient", What: "the same with the recipient's domain and keyed hash", Against: "the same, with HMAC-SHA-256 written by hand",
			Note: note + " Domain and hash are what the default privacy policy keeps of an address."}, ours: oursTo, theirs: theirsTo},
	}, nil
}
