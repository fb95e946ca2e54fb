package otelmail

import (
	"cmp"
	"context"
	"strconv"

	semconv "go.opentelemetry.io/otel/semconv/v1.43.0"

	"github.com/rusmes/otelmail/catalog"
	"github.com/rusmes/otelmail/internal/clean"
	"github.com/rusmes/otelmail/internal/count"
	"github.com/rusmes/otelmail/mailconv"
)

var (
	pushDeliveries = define(catalog.Metric{
		Name: "push_deliveries_total", Kind: catalog.Counter, Unit: "{notification}",
		Help: "Web Push notifications delivered",
		Rise: "More mail for subscribed clients.",
	})
	pushFailures = define(catalog.Metric{
		Name: "push_delivery_failures_total", Kind: catalog.Counter, Unit: "{notification}",
		Help: "Web Push notifications given up",
		Rise: "A push service is away or refuses us, or subscriptions have expired (404 and 410 are final).",
	})
)

// WebPush records Web Push notifications (RFC 8030; RFC 8620 section 7.2). All
// methods are safe for concurrent use.
type WebPush struct {
	tracer     *tracer
	deliveries *count.Counter
	failures   *count.Counter
}

func newWebPush(b *binder, t *tracer) *WebPush {
	return &WebPush{tracer: t, deliveries: b.counter(pushDeliveries), failures: b.counter(pushFailures)}
}

// GaveUp counts a notification that was given up while no attempt was in progress: its
// subscription had expired, or too many were waiting.
func (p *WebPush) GaveUp() { orEmpty(p).failures.Add(1) }

// Attempt begins an attempt to deliver a notification to a push service. host is
// the service's name: the rest of a subscription's URL is a secret (RFC 8030
// section 8.3) and stays out.
func (p *WebPush) Attempt(ctx context.Context, host string) Notifying {
	o := Notifying{Op: orEmpty(p).tracer.begin(ctx, "push", clientKind), push: p}
	if o.Recording() && host != "" {
		p.tracer.describe(o.span).add(semconv.ServerAddress(clean.Domain(host))).set()
	}
	return o
}

// Notifying is an attempt to deliver a notification. End it exactly once.
type Notifying struct {
	Op
	push *WebPush
}

// WebPushReply is how a push service answered.
type WebPushReply struct {
	Status int   // the HTTP status; 0 when there was none
	Cause  Cause // why there was none
}

// delivered reports a 2xx answer.
func (r WebPushReply) delivered() bool {
	return r.Cause == CauseNone && r.Status >= 200 && r.Status < 300
}

// Temporary reports a failure that may pass: all but a 4xx answer, and of those 408 and
// 429 (RFC 8030 section 8.4, RFC 9110 section 15).
func (r WebPushReply) Temporary() bool {
	final := r.Cause == CauseNone && r.Status >= 400 && r.Status < 500 && r.Status != 408 && r.Status != 429
	return !final && !r.delivered()
}

// End ends the attempt with the service's answer. 2xx counts as delivered. A failure is
// deferred when it is [WebPushReply.Temporary]. Any other answer is final and counts as given up; 404 and 410 say that
// the subscription is gone (RFC 8030 section 7.3). Use EndAs where the server's own
// rules decide otherwise.
func (o Notifying) End(r WebPushReply) Outcome {
	outcome := OutcomeFailed
	switch {
	case r.delivered():
		outcome = OutcomeDelivered
	case r.Temporary():
		outcome = OutcomeDeferred
	}
	o.EndAs(outcome, r)
	return outcome
}

// EndAs ends the attempt with an outcome that the caller has decided on: a deferred
// notification that is now too old has failed.
func (o Notifying) EndAs(outcome Outcome, r WebPushReply) {
	if o.push == nil {
		return
	}
	switch outcome {
	case OutcomeDelivered:
		o.push.deliveries.Add(1)
	case OutcomeDeferred:
	default:
		o.push.failures.Add(1)
	}
	if !o.Recording() {
		o.end("")
		return
	}
	attrs := o.push.tracer.describe(o.span)
	if r.Status >= 100 && r.Status < 600 {
		attrs.add(semconv.HTTPResponseStatusCode(r.Status))
	}
	if outcome == OutcomeDelivered {
		attrs.set()
		o.end("")
		return
	}
	attrs.add(mailconv.PushFinalKey.Bool(outcome != OutcomeDeferred)).set()
	o.end(r.errorType())
}

func (r WebPushReply) errorType() string {
	if r.Status >= 300 && r.Status < 600 {
		return strconv.Itoa(r.Status)
	}
	return cmp.Or(r.Cause.String(), other)
}
