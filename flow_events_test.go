package otelmail_test

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	"time"

	"github.com/rusmes/otelmail"
	"github.com/rusmes/otelmail/mailconv"
)

// flowEvents are those of the queue and of deliveries.
func flowEvents() []event {
	ctx := context.Background()
	ok := otelmail.Reply{Code: 250}
	complete := tls.ConnectionState{HandshakeComplete: true}
	attempt := func(tel *otelmail.Telemetry, policy mailconv.TLSPolicy) otelmail.Delivering {
		return tel.Delivery.Attempt(ctx, otelmail.Attempt{TLSPolicy: policy})
	}
	deferredBy := func(reason string) moves {
		return moves{"delivery_attempts_total/smtp/deferred/" + reason: 1, "delivery_attempt_duration_seconds/smtp/deferred": 1}
	}
	delivered := moves{"mail_delivered_total": 1, "smtp_messages_sent_total": 1, "delivery_attempts_total/smtp/delivered/none": 1,
		"delivery_attempt_duration_seconds/smtp/delivered": 1}
	return []event{
		{"ways out of the queue", func(tel *otelmail.Telemetry) {
			tel.Queue.Size.Set(10)
			m := otelmail.Message{Enqueued: time.Now()}
			for why := range otelmail.RemovedOther + 3 { // two that do not exist
				tel.Queue.Remove(ctx, m, why)
			}
		}, moves{"queue_size": 3, "queue_expired_total": 1, "delivery_total_seconds/delivered": 1, "delivery_total_seconds/bounced": 1,
			"delivery_total_seconds/expired": 1, "delivery_total_seconds/dropped": 1, "delivery_total_seconds/other": 3}},
		{"states of the queue", func(tel *otelmail.Telemetry) {
			tel.Queue.Size.Set(10)
			tel.Queue.Observe(func(context.Context) (otelmail.QueueState, error) {
				return otelmail.QueueState{
					Ready:    otelmail.QueueShare{Messages: 1, Bytes: 10},
					Active:   otelmail.QueueShare{Messages: 2, Bytes: 20},
					Deferred: otelmail.QueueShare{Messages: 3, Bytes: 30},
					Hold:     otelmail.QueueShare{Messages: 4, Bytes: 40},
				}, nil
			})
			tel.Queue.Size.Add(7) // what the function says holds
		}, moves{"queue_size": 10, "queue_messages/ready": 1, "queue_messages/active": 2, "queue_messages/deferred": 3, "queue_messages/hold": 4,
			"queue_bytes/ready": 10, "queue_bytes/active": 20, "queue_bytes/deferred": 30, "queue_bytes/hold": 40}},
		{"an attempt that was due", func(tel *otelmail.Telemetry) {
			tel.Delivery.Attempt(ctx, otelmail.Attempt{Due: time.Now().Add(-time.Second)}).End(otelmail.Reply{Cause: otelmail.CauseTimeout})
		}, deferredBy("timeout").and(moves{"queue_scheduler_lag_seconds": 1, "delivery_phase_duration_seconds/queue": 1})},
		{"waits by a clock that was set back", func(tel *otelmail.Telemetry) {
			m := otelmail.Message{Enqueued: time.Now().Add(time.Hour)}
			work := tel.Queue.Dequeue(ctx, m, otelmail.MessageFacts{})
			tel.Delivery.Attempt(work.Context(), otelmail.Attempt{Due: m.Enqueued})
			tel.Queue.Size.Add(1)
			tel.Queue.Remove(ctx, m, otelmail.RemovedDelivered)
		}, moves{"telemetry_negative_waits_total/queue": 1, "telemetry_negative_waits_total/total": 1, "telemetry_negative_waits_total/due": 1,
			"delivery_total_seconds/delivered": 1, "queue_scheduler_lag_seconds": 1, "delivery_phase_duration_seconds/queue": 1}},
		{"phases", func(tel *otelmail.Telemetry) {
			a := attempt(tel, 0)
			for p := range otelmail.PhaseOther + 2 { // one that does not exist
				a.Phase(p).End()
			}
			a.Phase(otelmail.PhaseDNS).End()
		}, moves{"delivery_phase_duration_seconds/queue": 1, "delivery_phase_duration_seconds/dns": 2, "delivery_phase_duration_seconds/connect": 1,
			"delivery_phase_duration_seconds/tls": 1, "delivery_phase_duration_seconds/transfer": 1, "delivery_phase_duration_seconds/other": 2}},
		{"throttled deliveries", func(tel *otelmail.Telemetry) {
			for why := range otelmail.ThrottledOther + 2 {
				tel.Delivery.Throttled(why)
			}
		}, moves{"delivery_throttled_total/rate_limit": 1, "delivery_throttled_total/concurrency": 1, "delivery_throttled_total/greylisting": 1,
			"delivery_throttled_total/remote_busy": 1, "delivery_throttled_total/other": 2}},
		{"outbound connections", func(tel *otelmail.Telemetry) {
			a := attempt(tel, 0)
			dial := func(context.Context, string, string) (net.Conn, error) {
				conn, other := net.Pipe()
				_ = other.Close()
				return conn, nil
			}
			for range 3 {
				if conn, err := a.Dial(ctx, dial, "tcp", ""); err != nil || conn == nil {
					panic(err)
				}
			}
			conn, _ := a.Dial(ctx, dial, "tcp", "")
			_ = conn.Close()
			_ = conn.Close()
		}, moves{"outbound_connections": 3, "delivery_phase_duration_seconds/connect": 4}},
		{"connections that cannot be made", func(tel *otelmail.Telemetry) {
			a := attempt(tel, 0)
			for _, err := range []error{context.DeadlineExceeded, &net.DNSError{}, context.Canceled, errors.New("bob@example.org")} {
				_, _ = a.Dial(ctx, func(context.Context, string, string) (net.Conn, error) { return nil, err }, "tcp", "")
			}
			_, _ = a.Dial(ctx, func(context.Context, string, string) (net.Conn, error) { return nil, nil }, "tcp", "")
			_, _ = a.Dial(ctx, nil, "tcp", "127.0.0.1:1")
		}, moves{"delivery_phase_duration_seconds/connect": 6, "outbound_connect_failures_total/timeout": 1, "outbound_connect_failures_total/dns": 1,
			"outbound_connect_failures_total/canceled": 1, "outbound_connect_failures_total/other": 2, "outbound_connect_failures_total/refused": 1}},
		{"delivered over TLS, noted twice", func(tel *otelmail.Telemetry) {
			a := attempt(tel, mailconv.TLSMTASTS)
			a.TLS(complete)
			a.TLS(complete)
			a.End(ok)
		}, delivered.and(moves{"outbound_tls_total/mta-sts/encrypted": 1, "tlsrpt_sessions_total/success": 1, "tls_handshakes_total/out/other": 1})},
		{"refused over TLS at the second server, not encrypted by the first", func(tel *otelmail.Telemetry) {
			a := attempt(tel, mailconv.TLSDANE)
			a.TLSFailed(mailconv.TLSAInvalid, nil)
			a.TLS(complete)
			a.End(otelmail.Reply{Code: 450})
		}, deferredBy("mailbox").and(moves{"tls_handshakes_total/out/other": 1, "outbound_tls_total/dane/encrypted": 1, "tlsrpt_sessions_total/tlsa-invalid": 1, "tlsrpt_sessions_total/success": 1})},
		{"TLS that fails", func(tel *otelmail.Telemetry) {
			a := attempt(tel, mailconv.TLSRequired)
			a.TLS(tls.ConnectionState{})
			a.TLSFailed(mailconv.CertificateExpired, nil)
			a.TLSFailed(0, nil)
			a.TLSFailed(200, nil)
			a.End(otelmail.Reply{Cause: otelmail.CauseTLSHandshake})
		}, deferredBy("tls").and(moves{"outbound_tls_total/required/failed": 1, "tlsrpt_sessions_total/certificate-expired": 1, "tlsrpt_sessions_total/validation-failure": 2})},
		{"TLS that failed and plaintext that did not", func(tel *otelmail.Telemetry) {
			a := attempt(tel, mailconv.TLSOpportunistic)
			a.TLSFailed(mailconv.StartTLSNotSupported, nil)
			a.End(ok)
		}, delivered.and(moves{"outbound_tls_total/opportunistic/plaintext": 1, "plaintext_fallback_total": 1, "tlsrpt_sessions_total/starttls-not-supported": 1})},
		{"an attempt that gets to no TLS and no message", func(tel *otelmail.Telemetry) {
			attempt(tel, mailconv.TLSOpportunistic).End(otelmail.Reply{Cause: otelmail.CauseRefused})
		}, deferredBy("network")},
		{"TLS to a mail store", func(tel *otelmail.Telemetry) {
			a := tel.Delivery.Attempt(ctx, otelmail.Attempt{Transport: otelmail.TransportLMTP})
			a.TLSFailed(mailconv.CertificateExpired, nil)
			a.EndAs(otelmail.OutcomeFailed, otelmail.Reply{Cause: otelmail.CauseTLSHandshake})
		}, moves{"delivery_attempts_total/lmtp/failed/tls": 1, "delivery_attempt_duration_seconds/lmtp/failed": 1}},
		{"DNS", func(tel *otelmail.Telemetry) {
			for _, recordType := range []string{"A", "aaaa", "MX", "TXT", "PTR", "TLSA", "CNAME", "SRV", "HTTPS", "bob@example.org", ""} {
				tel.DNS.Lookup(ctx, recordType).End(nil)
			}
			for _, err := range []error{&net.DNSError{IsNotFound: true}, &net.DNSError{IsTimeout: true, IsTemporary: true}, context.DeadlineExceeded,
				&net.DNSError{IsTemporary: true}, &net.DNSError{}, errors.New("bob@example.org")} {
				tel.DNS.Lookup(ctx, "MX").End(err)
			}
			for _, code := range [][2]int{{0, 1}, {0, 0}, {3, 0}, {2, 0}, {5, 0}, {-1, 9}} {
				tel.DNS.Lookup(ctx, "TLSA").EndCode(code[0], code[1])
			}
		}, lookups("A/ok", 1, "AAAA/ok", 1, "MX/ok", 1, "TXT/ok", 1, "PTR/ok", 1, "TLSA/ok", 2, "CNAME/ok", 1, "SRV/ok", 1, "other/ok", 3,
			"MX/not_found", 1, "MX/timeout", 2, "MX/servfail", 1, "MX/other", 2,
			"TLSA/not_found", 2, "TLSA/servfail", 1, "TLSA/other", 2)},
	}
}

// and is both together.
func (m moves) and(others moves) moves {
	sum := moves{}
	for _, some := range []moves{m, others} {
		for name, n := range some {
			sum[name] += n
		}
	}
	return sum
}

func lookups(pairs ...any) moves {
	m := moves{}
	for i := 0; i < len(pairs); i += 2 {
		m["dns_lookup_duration_seconds/"+pairs[i].(string)] = int64(pairs[i+1].(int))
	}
	return m
}
