package otelmail

import (
	"context"
	"crypto/tls"
	"net"
	"slices"
	"sync/atomic"
	"time"

	"go.opentelemetry.io/otel/trace"

	"github.com/rusmes/otelmail/catalog"
	"github.com/rusmes/otelmail/internal/count"
	"github.com/rusmes/otelmail/internal/refusal"
	"github.com/rusmes/otelmail/mailconv"
)

// Transport is how a message is delivered.
type Transport uint8

// The transports.
const (
	TransportSMTP  Transport = iota // to a remote server
	TransportLMTP                   // to a mail store (RFC 2033)
	TransportLocal                  // into a mailbox of this process
)

var (
	transports    = []string{"smtp", "lmtp", "local"}
	deliverySpans = []string{"deliver smtp", "deliver lmtp", "deliver local"}
)

// String returns "smtp", "lmtp" or "local", and "_OTHER" for what is none of them.
func (t Transport) String() string { return memberOf(transports, t, other) }

// remote reports whether t leads to another server.
func (t Transport) remote() bool { return t == TransportSMTP || t == TransportLMTP }

// Attempt describes one attempt to deliver a message.
type Attempt struct {
	Transport Transport
	// Number counts the attempts to deliver a message to a destination, from 1; 0
	// counts as 1. Every attempt after the first is a retry. [Message.Attempt] counts
	// them.
	Number int
	// Domain is the destination domain; shown as the privacy policy allows.
	Domain string
	// Server is the remote host's name, as its MX record has it.
	Server string
	// TLSPolicy is what the delivery asks of TLS.
	TLSPolicy mailconv.TLSPolicy
	// Due is when the attempt was to begin: when the message was accepted, or the time of
	// the retry. What it is late by is recorded in queue_scheduler_lag_seconds and as the
	// phase "queue"; an attempt before it is late by 0, and counts in
	// telemetry_negative_waits_total. The zero time records nothing.
	Due time.Time
	// Queue restores the trace of a message whose context was lost in between:
	// an attempt in another process is linked to it. Leave it empty where ctx
	// already holds the trace.
	Queue   TraceContext
	Message MessageFacts

	enqueued time.Time // see Message.Attempt; zero where that is not known
}

// Outcome is how an attempt ended.
type Outcome uint8

// The outcomes.
const (
	OutcomeDelivered Outcome = iota // taken over by the other side
	OutcomeDeferred                 // to be tried again
	OutcomeFailed                   // not to be tried again
)

var outcomes = []string{"delivered", "deferred", "failed"}

// String returns "delivered", "deferred" or "failed", and "_OTHER" for what is none of
// them, which counts as a failure.
func (o Outcome) String() string { return memberOf(outcomes, o, other) }

// Delivery records attempts to deliver. All methods are safe for concurrent use.
type Delivery struct {
	tracer     *tracer
	clock      *clock
	retries    *count.Counter
	delivered  *count.Counter
	sent       *count.Counter
	handshakes *handshakes // with other servers
	last       *lastSuccess
	attempts   labelledCounter
	duration   labelledHistogram
	lag        histogram
	phases     labelledHistogram
	throttled  labelledCounter
	tls        outboundTLS
	outbound   outbound
}

var (
	smtpSent = define(catalog.Metric{
		Name: "smtp_messages_sent_total", Kind: catalog.Counter, Unit: "{message}",
		Help: "Messages handed to a remote server (2xx after DATA)",
		Rise: "More mail goes out. A sudden rise that no user explains is a stolen password or an open relay.",
	})
	deliveryAttempts = define(catalog.Metric{
		Name: "delivery_attempts_total", Kind: catalog.Counter, Unit: "{attempt}",
		Help: "Attempts to deliver a message to a destination that ended",
		Rise: "deferred: mail is late; network, dns and timeout on all destinations at once are ours, policy is what they think of us. failed: mail bounces; address is a list that is old, policy a block. The delivery spans name domain and reply.",
		Labels: append(deliveryLabels[:len(deliveryLabels):len(deliveryLabels)], catalog.Label{Key: "reason", Values: attemptReasons,
			Help: "Why it was not delivered, none where it was, see [fault](fault.md)"}),
	})
	deliveryDuration = define(catalog.Metric{
		Name: "delivery_attempt_duration_seconds", Kind: catalog.Histogram, Unit: "s",
		Help:    "How long attempts to deliver took",
		Rise:    "Destinations or the network have become slow, or hang until our own time-outs: " + deliveryPhase.Name + " tells where. Slow attempts hold workers, and the queue grows.",
		Buckets: durationBuckets,
		Labels:  deliveryLabels,
	})
)

var deliveryLabels = []catalog.Label{
	{Key: "transport", Values: append(slices.Clip(transports), other), Help: "To a remote server, to a mail store over LMTP, or into a mailbox"},
	{Key: "outcome", Values: append(slices.Clip(outcomes), other), Help: "Taken over by the other side; to be tried again; or not to be tried again"},
}

// attemptReasons are none and what [Reply.reason] tells.
var attemptReasons = append([]string{"none"}, refusal.Reasons()...)

func newDelivery(b *binder, t *tracer, m *Mail, q *Queue, out *handshakes, last *lastSuccess) *Delivery {
	return &Delivery{
		tracer: t, clock: q.clock, retries: q.retries, delivered: m.delivered, sent: b.counter(smtpSent), last: last, handshakes: out,
		attempts:  b.labelledCounter(deliveryAttempts),
		duration:  b.labelledHistogram(deliveryDuration),
		lag:       b.histogram(schedulerLag),
		phases:    b.labelledHistogram(deliveryPhase),
		throttled: b.labelledCounter(deliveryThrottled),
		tls:       newOutboundTLS(b),
		outbound:  newOutbound(b),
	}
}

// Attempt begins an attempt to deliver a message.
func (d *Delivery) Attempt(ctx context.Context, a Attempt) Delivering {
	d = orEmpty(d)
	if a.Number > 1 {
		d.retries.Add(1)
	}
	name := memberOf(deliverySpans, a.Transport, "deliver "+other)
	var op Op
	if a.Queue == (TraceContext{}) {
		op = d.tracer.begin(ctx, name, clientKind)
	} else {
		op = d.tracer.linked(ctx, name, a.Queue, trace.SpanKindClient)
	}
	o := Delivering{Op: op, delivery: d, attempt: &attempt{transport: a.Transport, policy: a.TLSPolicy, begun: time.Now()}}
	o.attempt.enqueued = a.enqueued
	if m := messageIn(o.ctx); m != nil && a.enqueued.IsZero() {
		o.attempt.enqueued = m.enqueued
	}
	o.late(a.Due)
	if o.Recording() {
		a.Message.QueueID = queueID(o.ctx, a.Message.QueueID)
		d.tracer.describe(o.span).attempt(&a).set()
	}
	o.begins(&a)
	return o
}

// Delivering is an attempt in progress. End it exactly once.
type Delivering struct {
	Op
	delivery *Delivery
	attempt  *attempt
	known    *knownAttempt // for its events; nil where nobody listens
}

// attempt is what an attempt's end counts.
type attempt struct {
	transport Transport
	policy    mailconv.TLSPolicy
	begun     time.Time
	enqueued  time.Time   // the message; zero where that is not known
	encrypted atomic.Bool // a TLS handshake has succeeded
	tlsFailed atomic.Bool // one has failed, or could not begin
}

// Peer notes the address that was connected to. For connections that [Delivering.Dial] did
// not make, of a pool for example.
func (o Delivering) Peer(addr net.Addr) {
	o.known.notePeer(addr)
	if o.Recording() {
		o.delivery.tracer.describe(o.span).peer(addr).set()
	}
}

// TLS notes the state of the connection after its handshake: for the attempt that shook
// hands, not for each message over the connection. That of the attempt counts in
// outbound_tls_total and tlsrpt_sessions_total when the attempt ends.
func (o Delivering) TLS(state tls.ConnectionState) {
	if o.attempt != nil && state.HandshakeComplete && !o.attempt.encrypted.Swap(true) {
		o.delivery.handshakes.completed(state.Version)
		o.known.noteTLS(&state)
	}
	if o.Recording() {
		o.delivery.tracer.describe(o.span).tls(&state).set()
	}
}

// End ends the attempt with the other side's last reply, and counts it in
// delivery_attempts_total with its reason and its duration. 2xx counts as
// delivered and, over SMTP or LMTP, as sent. A failure is deferred when
// it may pass (4xx or no reply), else failed; use EndAs where the server's own
// rules decide otherwise.
func (o Delivering) End(r Reply) Outcome {
	outcome := OutcomeDelivered
	switch {
	case r.accepted():
	case r.temporary():
		outcome = OutcomeDeferred
	default:
		outcome = OutcomeFailed
	}
	o.finish(outcome, &r)
	return outcome
}

// EndAs ends the attempt with an outcome that the caller has decided on: a
// deferred message that is now too old has failed.
func (o Delivering) EndAs(outcome Outcome, r Reply) { o.finish(outcome, &r) }

func (o *Delivering) finish(outcome Outcome, r *Reply) {
	if o.delivery == nil {
		return
	}
	d, a := o.delivery, o.attempt
	reason := 0
	if r.Cause == CausePanic {
		d.tracer.panicked(ComponentDelivery)
	}
	if outcome == OutcomeDelivered {
		d.delivered.Add(1)
		if a.transport.remote() {
			d.sent.Add(1)
		}
		d.last.delivered(a.transport)
	} else {
		reason = 1 + int(r.reason())
	}
	d.attempts.add(1, int(a.transport), int(outcome), reason)
	d.duration.record(o.Context(), time.Since(a.begun), int(a.transport), int(outcome))
	if a.transport == TransportSMTP {
		d.tls.ended(a, outcome, r)
	}
	o.ends(outcome, r)
	d.tracer.attempted(o.ctx, outcome, d.clock.age(a.enqueued))
	if !o.Recording() {
		o.end("")
		return
	}
	attrs := o.delivery.tracer.describe(o.span).add(mailconv.OutcomeKey.String(outcome.String())).reply(r)
	if outcome == OutcomeDelivered {
		attrs.set()
		o.end("")
		return
	}
	attrs.add(mailconv.ReasonKey.String(r.reason().String())).set()
	o.end(r.errorType())
}
