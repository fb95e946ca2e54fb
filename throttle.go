package otelmail

import "github.com/rusmes/otelmail/catalog"

var deliveryThrottled = define(catalog.Metric{
	Name: "delivery_throttled_total", Kind: catalog.Counter, Unit: "{delivery}",
	Help: "Deliveries put off by a limit, ours or the other side's",
	Rise: "rate_limit, concurrency: our own limits hold mail back; " + queueMessages.Name + " tells whether they are too narrow. remote_busy: somebody asks us to slow down, and a block may follow. greylisting: we write to many for the first time, or from a new address.",
	Labels: []catalog.Label{{Key: "reason", Values: throttles[:],
		Help: "Our limit of messages in a time; our limit of deliveries at once; a server that takes mail of strangers at the second attempt only (RFC 6647); a server that says that it gets too much; or anything else"}},
})

// Throttle is what put a delivery off.
type Throttle uint8

// The reasons.
const (
	ThrottledRateLimit   Throttle = iota // our limit of messages in a time, to a destination or of a sender
	ThrottledConcurrency                 // our limit of deliveries at once
	ThrottledGreylisting                 // the other side wants to be asked again (RFC 6647)
	ThrottledRemoteBusy                  // the other side gets too much: 421, 4.3.2, 4.4.5 or what its text says
	ThrottledOther                       // anything else
)

var throttles = [...]string{"rate_limit", "concurrency", "greylisting", "remote_busy", "other"}

// String returns "rate_limit", "concurrency", "greylisting", "remote_busy" or "other".
func (t Throttle) String() string { return nameOrLast(throttles[:], int(t)) }

// Throttled counts a delivery that a limit put off: before an attempt, or beside the end of
// one whose reply the server takes for greylisting or for too much, which no reply code
// says for certain.
func (d *Delivery) Throttled(why Throttle) {
	orEmpty(d).throttled.add(1, int(why))
}
