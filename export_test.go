package otelmail

import (
	"context"
	"time"
)

// HistogramRecorder gives a benchmark the bare histogram record.
func HistogramRecorder(t *Telemetry) func(context.Context, time.Duration) {
	return t.Mail.latency.record
}

// DomainCounter gives a benchmark the way of one recipient's domain.
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
		s.connections.add(1)
		s.conns.active[ProtocolSMTP].add(1)
		s.conns.tls[tlsNo].add(1)
		s.conns.tls[tlsStartTLS].add(1)
		s.authSuccess.add(1)
		s.received.add(1)
		s.domains.add("example.org")
		t.Queue.size.add(1)
		t.Mail.processed.add(1)
		t.Mail.latency.record(ctx, d)
		t.Queue.retries.add(1)
		t.Mail.delivered.add(1)
		t.Delivery.sent.add(1)
		t.Push.Delivered()
		s.errors.add(1)
		t.IMAP.connections.add(1)
		t.IMAP.commands.add(1)
		t.JMAP.requests.add(1)
		s.rejected.add(1)
		s.duration.record(ctx, d)
		t.Mail.latency.record(ctx, d)
	}
}
