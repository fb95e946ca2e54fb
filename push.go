package otelmail

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
type Push struct{ deliveries, failures *counter }

func newPush(b *binder) *Push {
	return &Push{deliveries: b.counter(pushDeliveries), failures: b.counter(pushFailures)}
}

// Delivered counts a notification that the push service has taken.
func (p *Push) Delivered() { p.deliveries.add(1) }

// GaveUp counts a notification that will not be tried again.
func (p *Push) GaveUp() { p.failures.add(1) }
