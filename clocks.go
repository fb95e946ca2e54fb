package otelmail

import (
	"time"

	"github.com/rusmes/otelmail/catalog"
	"github.com/rusmes/otelmail/internal/count"
)

var selfNegative = define(catalog.Metric{
	Name: "telemetry_negative_waits_total", Kind: catalog.Counter, Unit: "{wait}",
	Help: "Waits that were negative by the clock, and are shown as 0",
	Rise: "This machine's clock was set back, or that of the machine which put the mail into the queue is ahead: all waits that were begun before, or there, are wrong by as much. Look at what keeps the time (chronyc tracking, timedatectl). due alone, without the others: the server tries before it had planned to, as when somebody flushes the queue.",
	Labels: []catalog.Label{{Key: "wait", Values: waits[:],
		Help: "Since a message was accepted, when work on it begins; the same when it leaves the queue (" + deliveryTotal.Name + "); since an attempt was due (" + schedulerLag.Name + "); the age of the oldest message (" + queueOldest.Name + "), once a collection and state"}},
})

// wait is a value of the label wait.
type wait int

const (
	waitQueue wait = iota
	waitTotal
	waitDue
	waitOldest
)

var waits = [...]string{"queue", "total", "due", "oldest"}

// clock measures waits that may have begun by another clock: that of an earlier process, or of
// another machine. What was read from it in this process has the monotonic clock's reading too,
// as long as it was not stored, and so time.Since does not see the clock being set.
type clock struct{ negative []*count.Counter }

func newClock(b *binder) *clock { return &clock{b.counters(selfNegative)} }

// age is since for what is decided by it and shown nowhere.
func (c *clock) age(t time.Time) time.Duration {
	if t.IsZero() {
		return 0
	}
	return max(0, time.Since(t))
}

// since is how long ago t was: 0 where that is not known, and where t is still to come, which
// is counted.
func (c *clock) since(w wait, t time.Time) time.Duration {
	if t.IsZero() {
		return 0
	}
	d := time.Since(t)
	if d < 0 {
		if c != nil {
			c.negative[w].Add(1)
		}
		return 0
	}
	return d
}
