package otelmail

import (
	"context"
	"strconv"

	semconv "go.opentelemetry.io/otel/semconv/v1.43.0"

	"github.com/rusmes/otelmail/internal/clean"
	"github.com/rusmes/otelmail/internal/count"
	"github.com/rusmes/otelmail/mailconv"
)

var (
	pushDeliveries = define(Metric{
		Name: "push_deliveries_total", Kind: Counter, Unit: "{notification}",
		Help: "Web Push notifications delivered",
		Rise: "More mail for subscribed clients.",
	})
	pushFailures = define(Metric{
		Name: "push_delivery_failures_total", Kind: Counter, Unit: "{notification}",
		Help: "Web Push notifications given up",
		Rise: "A push service is away or refuses us, or subscriptions have expired (404 and 410 are final).",
	})
)

// Push records Web Push notifications (RFC 8030; RFC 8620 section 7.2). All
// methods are safe for concurrent use.
type Push struct {
	tracer     *tracer
	deliveries *count.Counter
	failures   *count.Counter
}

func newPush(b *binder, t *tracer) *Push {
	return &Push{tracer: t, deliveries: b.counter(pushDeliveries), failures: b.counter(pushFailures)}
}

// Delivered counts a notification that the push service has taken, where there
// is no [Push.Attempt].
func (p *Push) Delivered() { orEmpty(p).deliveries.Add(1) }

// GaveUp counts a notification that will not be tried again, where there is no
// [Push.Attempt].
func (p *Push) GaveUp() { orEmpty(p).failures.Add(1) }

// Attempt begins an attempt to deliver a notification to a push service. host is
// the service's name: the rest of a subscription's URL is a secret (RFC 8030
// section 8.3) and stays out.
func (p *Push) Attempt(ctx context.Context, host string) Pushing {
	o := Pushing{Op: orEmpty(p).tracer.begin(ctx, "push", clientKind), push: p}
	if o.recording() && host != "" {
		p.tracer.describe(o.span).add(semconv.ServerAddress(clean.Domain(host))).set()
	}
	return o
}

// Pushing is an attempt in progress. End it exactly once.
type Pushing struct {
	Op
	push *Push
}

// End ends the attempt with the service's HTTP status, 0 and a cause when there
// was none. 2xx counts as delivered. final says that a failed notification will
// not be tried again, and counts it as given up; 404 and 410 (the subscription
// is gone, RFC 8030 section 7.3) always do.
func (o Pushing) End(status int, cause Cause, final bool) {
	if o.push == nil {
		return
	}
	delivered := status >= 200 && status < 300 && cause == CauseNone
	final = final || status == 404 || status == 410
	switch {
	case delivered:
		o.push.deliveries.Add(1)
	case final:
		o.push.failures.Add(1)
	}
	if !o.recording() {
		o.end("")
		return
	}
	attrs := o.push.tracer.describe(o.span)
	if status >= 100 && status < 600 {
		attrs.add(semconv.HTTPResponseStatusCode(status))
	}
	if delivered {
		attrs.set()
		o.end("")
		return
	}
	attrs.add(mailconv.PushFinalKey.Bool(final)).set()
	o.end(pushError(status, cause))
}

func pushError(status int, cause Cause) string {
	if status >= 300 && status < 600 {
		return strconv.Itoa(status)
	}
	return firstOf(cause.String(), other)
}
