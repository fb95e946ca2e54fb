package demo

import (
	"context"
	"testing"
	"time"
)

// counts are changes of series, by name and, after a space, label value.
type counts map[string]int64

func (c counts) add(d counts) {
	for name, n := range d {
		c[name] += n
	}
}

// effects is what one call of each client changes, to the last count, once the
// queue is empty again.
var effects = []struct {
	client client
	counts counts
}{
	{inbound, counts{connections: 1, plaintext: 1, received: 1, processed: 1, delivered: 1}},
	{spam, counts{connections: 1, plaintext: 1, received: 1, processed: 1, dropped: 1}},
	{odd, counts{connections: 1, plaintext: 1, received: 1, processed: 1, dropped: 1}},
	{unknownUser, counts{connections: 1, plaintext: 1, smtpErrors: 1}},
	{oversized, counts{connections: 1, plaintext: 1, smtpErrors: 1, refused: 1}},
	// net/smtp sends "*" to an AUTH that has already failed, as a command of its own.
	{guesser, counts{connections: 1, plaintext: 1, starttls: 1, smtpErrors: 2, authFailure: 1}},
	{outbound, counts{connections: 1, plaintext: 1, starttls: 1, authSuccess: 1, received: 1, processed: 1, delivered: 1, sent: 1}},
	{overTLS, counts{connections: 1, implicitTLS: 1, authSuccess: 1, received: 1, processed: 1, delivered: 1, sent: 1}},
	{stolen, counts{connections: 1, plaintext: 1, starttls: 1, authSuccess: 1, received: 1, processed: 1, delivered: 1, sent: 1}},
	// Three domains: two by SMTP, one here.
	{mailing, counts{connections: 1, plaintext: 1, starttls: 1, authSuccess: 1, received: 1, processed: 1, delivered: 3, sent: 2}},
	// The bounce is delivered to the sender: by SMTP here, to the mailbox below.
	{rejected, counts{connections: 1, plaintext: 1, starttls: 1, authSuccess: 1, received: 1, processed: 1, bounced: 1, delivered: 1, sent: 1}},
	{neverTaken, counts{connections: 1, plaintext: 1, starttls: 1, authSuccess: 1, received: 1, processed: 1, retries: 3, bounced: 1, delivered: 1}},
	{deferred, counts{connections: 1, plaintext: 1, starttls: 1, authSuccess: 1, received: 1, processed: 1, retries: 2, delivered: 1, sent: 1}},
	{held, counts{connections: 1, plaintext: 1, starttls: 1, authSuccess: 1, received: 1, processed: 1, delivered: 1, sent: 1}},
	{legacy, counts{connections: 1, plaintext: 1, starttls: 1, authSuccess: 1, received: 1, processed: 1, delivered: 1, sent: 1, fallback: 1}},
	{limited, counts{connections: 2, plaintext: 2, starttls: 2, authSuccess: 2, received: 2, processed: 2, delivered: 2, sent: 2}},
	{fromBlocked, counts{blockedConns: 1}},
	{scanner, counts{connections: 1, implicitTLS: 1, smtpErrors: 1}},
	{tooMany, counts{connections: 1, plaintext: 1, overload: 1}},
}

const (
	connections  = "smtp_connections_total"
	received     = "smtp_messages_received_total"
	sent         = "smtp_messages_sent_total"
	smtpErrors   = "smtp_errors_total"
	authSuccess  = "smtp_auth_success_total"
	authFailure  = "smtp_auth_failure_total"
	refused      = "smtp_messages_rejected_total"
	blockedConns = "smtp_connections_rejected_blocked_total"
	overload     = "smtp_connections_rejected_overload_total"
	processed    = "mail_processed_total"
	delivered    = "mail_delivered_total"
	bounced      = "mail_bounced_total"
	dropped      = "mail_dropped_total"
	retries      = "queue_retries_total"
	queueSize    = "queue_size"
	mailboxes    = "mailboxes_total"
	messages     = "messages_total"
	fallback     = "plaintext_fallback_total"

	plaintext   = "tls_sessions_total no"
	starttls    = "tls_sessions_total starttls"
	implicitTLS = "tls_sessions_total yes"
)

func TestEveryCounterIsExact(t *testing.T) {
	d := running(t, quick())
	want := counts{mailboxes: 6, queueSize: 0}
	const rounds = 3
	for round := range rounds {
		for i, e := range effects {
			if err := e.client.call(d.traffic, t.Context(), 100*round+i); err != nil {
				t.Errorf("%s: %v", e.client.name, err)
			}
			want.add(e.counts)
		}
	}
	idle(t, d)

	// The 20th message that came to the end of the pipeline came a second time.
	if n := want[processed] - want[dropped]; n < 20 || n >= 39 {
		t.Fatalf("%d messages at the end of the pipeline: want one of them to fail there", n)
	}
	want[processed]++
	// Mail for the user, the user's own copies, and the bounces to the user.
	want[messages] = rounds * 3
	for _, e := range effects {
		for name := range e.counts {
			want[name] += 0
		}
	}
	compare(t, d, want)

	for domain, n := range map[string]int64{"example.org": 4, "partner.example": 5, "supplier.example": 2, "slow.example": 2,
		legacyDomain: 1, limitedDomain: 2} {
		if got := value(t, d, "messages_per_domain_total", domain); got != n*rounds {
			t.Errorf("messages for %s: %d, want %d", domain, got, n*rounds)
		}
	}
	if got := value(t, d, "storage_bytes"); got < 6*100 {
		t.Errorf("%d bytes in %d messages", got, want[messages])
	}
	if left := files(t, d.spool.dir); len(left) > 0 {
		t.Errorf("left in the spool: %v", left)
	}
}

// compare holds series against what they must be.
func compare(t *testing.T, d *Demo, want counts) {
	t.Helper()
	for name, n := range want {
		series, label, labelled := cutLast(name, " ")
		var labels []string
		if labelled {
			labels = []string{label}
		}
		if got := value(t, d, series, labels...); got != n {
			t.Errorf("%s: %d, want %d", name, got, n)
		}
	}
}

// Within the 20 s that somebody looks, everything has to happen.
func TestTheScheduleHasEveryClientWithinSixSeconds(t *testing.T) {
	missing := map[string]bool{}
	for _, e := range effects {
		missing[e.client.name] = true
	}
	for _, c := range schedule {
		delete(missing, c.name)
	}
	if len(missing) > 0 {
		t.Errorf("not in the schedule: %v", missing)
	}
	if took := time.Duration(float64(len(schedule)) / Default().Rate * float64(time.Second)); took > 6*time.Second {
		t.Errorf("one round takes %v, want at most 6 s", took)
	}
}

func TestTheSummaryKnowsItsSeries(t *testing.T) {
	d := running(t, quick())
	for _, total := range totals {
		labels := []string{}
		if total.label != "" {
			labels = append(labels, total.label)
		}
		if got := d.value(total.series, labels...); got != "0" {
			t.Errorf("%s: %q, want 0", total.series, got)
		}
	}
}

// A failing call must not be taken for a refusal that was wanted.
func TestClientsNoticeAServerThatIsGone(t *testing.T) {
	nobody := &traffic{user: "demo", password: "demo", mx: "127.0.0.1:1", submissions: "127.0.0.1:1", narrow: "127.0.0.1:1"}
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
	defer cancel()
	seen := map[string]bool{}
	for _, e := range effects {
		seen[e.client.name] = true
		if err := e.client.call(nobody, ctx, 1); err == nil {
			t.Errorf("%s: no error", e.client.name)
		}
	}
	if len(seen) != len(effects) {
		t.Errorf("%d clients have %d names", len(effects), len(seen))
	}
}
