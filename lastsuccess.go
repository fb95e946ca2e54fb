package otelmail

import (
	"sync/atomic"
	"time"

	"go.opentelemetry.io/otel/attribute"

	"github.com/rusmes/otelmail/catalog"
	"github.com/rusmes/otelmail/internal/count"
)

var lastSuccessTime = define(catalog.Metric{
	Name: "last_success_timestamp_seconds", Kind: catalog.Gauge, Unit: "s", Fleet: catalog.Max,
	Help: "When mail last went through, in Unix time; 0 for not since the start",
	Rise: "Mail flows. When time() minus this grows beyond what the hour of the day explains, it does not: no mail comes in (the listener, DNS, a provider that blocks us), or none goes out (see " + deliveryAttempts.Name + ").",
	Labels: []catalog.Label{{Key: "direction", Values: []string{"in", "out", "local"},
		Help: "A message accepted over SMTP or LMTP; a delivery to a remote server; a delivery into a mailbox or a mail store"}},
})

// The positions of the directions.
const (
	mailIn = iota
	mailOut
	mailLocal

	mailDirections
)

// lastSuccess holds when mail last went through, in nanoseconds of Unix time.
type lastSuccess [mailDirections]atomic.Int64

func newLastSuccess(b *binder) *lastSuccess {
	l := &lastSuccess{}
	label := lastSuccessTime.Labels[0]
	var labels [mailDirections]labelSet
	for i, value := range label.Values {
		labels[i] = newLabelSet(attribute.String(label.Key, value))
	}
	b.fraction(lastSuccessTime, func(observe func(float64, labelSet)) {
		for i := range l {
			observe(float64(l[i].Load())/float64(time.Second), labels[i])
		}
	})
	return l
}

// delivered notes a delivery by a transport.
func (l *lastSuccess) delivered(t Transport) {
	switch {
	case l == nil:
	case t == TransportSMTP:
		l[mailOut].Store(time.Now().UnixNano())
	default:
		l[mailLocal].Store(time.Now().UnixNano())
	}
}

// stamped counts successes with the times of the last ones.
type stamped struct {
	*count.Counter
	last *atomic.Int64
}

func (s stamped) Add(n int64) {
	s.Counter.Add(n)
	if s.last != nil {
		s.last.Store(time.Now().UnixNano())
	}
}
