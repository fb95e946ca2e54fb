package otelmail

import (
	"context"
	"time"

	"github.com/rusmes/otelmail/mailconv"
)

// HistogramRecorder gives a benchmark the bare histogram record.
func HistogramRecorder(t *Telemetry) func(context.Context, time.Duration) {
	return func(ctx context.Context, d time.Duration) { t.Mail.latency.record(ctx, d) }
}

// DomainCounter gives a benchmark the counting of one recipient's domain.
func DomainCounter(t *Telemetry) func(string) {
	return func(address string) { t.SMTP.domains.addMessage([]string{address}) }
}

// AcceptedMessage gives a benchmark everything that one message counts from its
// session to its delivery, without spans: 15 counters, 2 gauges, 3 histograms.
func AcceptedMessage(t *Telemetry) func() {
	ctx := context.Background()
	const d = 20 * time.Millisecond
	return func() {
		s := t.SMTP
		s.connections.Add(1)
		s.conns.active[protocolSMTP].Add(1)
		s.conns.tls[tlsNo].Add(1)
		s.conns.tls[tlsStartTLS].Add(1)
		s.authSuccess.Add(1)
		s.received.Add(1)
		s.domains.Add("example.org")
		t.Queue.Size.Add(1)
		t.Mail.processed.Add(1)
		t.Mail.latency.record(ctx, d)
		t.Queue.retries.Add(1)
		t.Mail.delivered.Add(1)
		t.Delivery.sent.Add(1)
		t.WebPush.GaveUp()
		s.errors.Add(1)
		t.IMAP.connections.Add(1)
		t.IMAP.commands.Add(1)
		t.JMAP.requests.Add(1)
		s.rejected.Add(1)
		s.duration.record(ctx, d)
		t.Mail.latency.record(ctx, d)
	}
}

// BeginSMTPCommand begins a command without a session, so that a test sees what the
// command alone counts.
func BeginSMTPCommand(ctx context.Context, t *Telemetry, verb mailconv.SMTPVerb) SMTPCommand {
	return SMTPCommand{Op: t.SMTP.tracer.begin(ctx, nameOf(smtpSpans, verb), serverKind), smtp: t.SMTP, verb: verb, begun: now()}
}

// BeginIMAPCommand begins a command without a session.
func BeginIMAPCommand(ctx context.Context, t *Telemetry, verb mailconv.IMAPVerb) IMAPCommand {
	c := IMAPCommand{Op: t.IMAP.tracer.begin(ctx, nameOf(imapSpans, verb), serverKind), imap: t.IMAP, verb: verb, begun: now()}
	if c.Recording() {
		t.IMAP.tracer.describe(c.span).conn(protocolIMAP.String(), Conn{}).add(mailconv.IMAPCommandKey.String(verb.String())).set()
	}
	return c
}

// WaitForTheLog has whoever logs wait until the local log is written, however busy the
// machine is.
func WaitForTheLog() { ownPatience = time.Minute }

// WithoutEvents has t emit no events, and not ask who listens: what a benchmark compares
// with.
func WithoutEvents(t *Telemetry) *Telemetry {
	t.Mail.tracer.events = nil
	return t
}
