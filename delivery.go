package otelmail

import (
	"context"
	"crypto/tls"
	"net"

	semconv "go.opentelemetry.io/otel/semconv/v1.43.0"
	"go.opentelemetry.io/otel/trace"

	"github.com/rusmes/otelmail/catalog"
	"github.com/rusmes/otelmail/internal/clean"
	"github.com/rusmes/otelmail/internal/count"
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
	// Queue restores the trace of a message whose context was lost in between:
	// an attempt in another process is linked to it. Leave it empty where ctx
	// already holds the trace.
	Queue   TraceContext
	Message MessageFacts
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
	tracer    *tracer
	retries   *count.Counter
	delivered *count.Counter
	sent      *count.Counter

	handshakes *handshakes // with other servers
}

var smtpSent = define(catalog.Metric{
	Name: "smtp_messages_sent_total", Kind: catalog.Counter, Unit: "{message}",
	Help: "Messages handed to a remote server (2xx after DATA)",
	Rise: "More mail goes out. A sudden rise that no user explains is a stolen password or an open relay.",
})

func newDelivery(b *binder, t *tracer, m *Mail, q *Queue, out *handshakes) *Delivery {
	return &Delivery{tracer: t, retries: q.retries, delivered: m.delivered, sent: b.counter(smtpSent), handshakes: out}
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
	o := Delivering{Op: op, delivery: d, transport: a.Transport}
	if o.Recording() {
		attrs := d.tracer.describe(o.span).
			add(mailconv.TransportKey.String(a.Transport.String())).
			add(mailconv.AttemptKey.Int(max(a.Number, 1))).
			domain(mailconv.RecipientDomainKey, a.Domain)
		if a.Transport.remote() {
			attrs.add(semconv.NetworkProtocolName(a.Transport.String()))
		}
		if a.Server != "" {
			attrs.add(semconv.ServerAddress(clean.Domain(a.Server)))
		}
		attrs.text(mailconv.TLSPolicyKey, a.TLSPolicy.String()).message(&a.Message).set()
	}
	return o
}

// Delivering is an attempt in progress. End it exactly once.
type Delivering struct {
	Op
	delivery  *Delivery
	transport Transport
}

// Peer notes the address that was connected to.
func (o Delivering) Peer(addr net.Addr) {
	if o.Recording() {
		o.delivery.tracer.describe(o.span).peer(addr).set()
	}
}

// TLSFailed notes that a handshake has failed, and why: once for each handshake.
func (o Delivering) TLSFailed(err error) {
	if o.delivery != nil {
		o.delivery.handshakes.broke(err)
	}
}

// TLS notes the state of the connection after its handshake: once for each handshake, not
// for each message over the connection.
func (o Delivering) TLS(state tls.ConnectionState) {
	if o.delivery != nil {
		o.delivery.handshakes.completed(state.Version)
	}
	if o.Recording() {
		o.delivery.tracer.describe(o.span).tls(&state).set()
	}
}

// End ends the attempt with the other side's last reply. 2xx counts as
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
	if outcome == OutcomeDelivered {
		o.delivery.delivered.Add(1)
		if o.transport.remote() {
			o.delivery.sent.Add(1)
		}
	}
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
