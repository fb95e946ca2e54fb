package otlp

import (
	"context"
	"errors"
	"fmt"
	"sync"

	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"

	"github.com/rusmes/otelmail"
)

// metricPush collects all metrics at an interval and sends them. It is not the
// SDK's periodic reader: that one aggregates every event a second time, sends
// nothing at all when one callback fails, and ends the process when one panics.
type metricPush struct {
	*route
	cadence cadence
	reader  *otelmail.Reader
	stock   sdkmetric.Exporter
	close   func() error

	start sync.Once
	done  chan struct{} // closed when the loop has ended

	// The loop alone uses these until done is closed.
	number  int           // of the last collection
	pending []*collection // differences that were not sent yet, oldest first
	missing int64         // data points of the last collection that were not sent
	points  int64         // that it had
	dropped int64         // differences of earlier ones that were given up
	failure error         // of the last collection
}

// collection is what was collected at one time, or a part of it that fits one
// request.
type collection struct {
	number  int
	metrics *metricdata.ResourceMetrics
	points  int64
}

// maxPending bounds the collections of differences kept for a receiver that is
// away: a quarter of an hour at the default interval.
const maxPending = 15

func newMetricPush(r *route, k cadence, reader *otelmail.Reader, stock sdkmetric.Exporter, close func() error) *metricPush {
	return &metricPush{
		route: r, cadence: k, reader: reader, stock: stock, close: close,
		done: make(chan struct{}),
	}
}

// begin starts the loop. The first push follows after one interval.
func (p *metricPush) begin(context.Context) error {
	p.start.Do(func() {
		go func() {
			defer close(p.done)
			p.cadence.keep(p.life, p.stopping, p.cycle)
		}()
	})
	return nil
}

// cycle collects once and sends what there is.
func (p *metricPush) cycle(ctx context.Context) {
	p.failure, p.missing, p.points = nil, 0, 0
	p.number++
	var all metricdata.ResourceMetrics
	if err := p.reader.Collect(ctx, &all); err != nil {
		p.failure = err
		p.reporter.report(err)
	}
	splitMetrics(&all, func(part *metricdata.ResourceMetrics, points int64) {
		p.pending = append(p.pending, &collection{p.number, part, points})
		p.points += points
	})
	p.produced.Add(p.points)

	for len(p.pending) > 0 {
		c := p.pending[0]
		lost, err := p.deliver(ctx, c.points, func(ctx context.Context) error {
			return p.stock.Export(ctx, c.metrics)
		})
		if err != nil && lost == c.points && p.cadence.preference != Cumulative {
			// A difference is said once, so it has to be said again.
			p.keepPending()
			return
		}
		p.pending = p.pending[1:]
		p.failed.Add(lost)
		if c.number == p.number {
			p.missing += lost
		} else {
			p.dropped += lost
		}
	}
}

// keepPending counts what waits for the next cycle and gives up what is too old.
func (p *metricPush) keepPending() {
	for len(p.pending) > 0 && p.pending[0].number <= p.number-maxPending {
		n := p.pending[0].points
		p.failed.Add(n)
		p.dropped += n
		p.pending = p.pending[1:]
	}
	for _, c := range p.pending {
		if c.number == p.number {
			p.missing += c.points
		}
	}
}

// stop makes the last collection, sends it, and says what was not delivered.
func (p *metricPush) stop(ctx context.Context) error {
	return p.shutdown(ctx, p.finish, p.unsaid)
}

func (p *metricPush) finish(ctx context.Context) error {
	// A start that comes too late finds nothing to do any more.
	p.start.Do(func() { close(p.done) })
	select {
	case <-p.done:
	case <-ctx.Done():
		// The loop waits for a callback that does not return.
	}
	return errors.Join(p.stock.Shutdown(ctx), p.close())
}

// unsaid says what the receiver has not been told. A failed push of totals is
// made good by the next, so it is the last one that counts; of differences it is
// all of them.
func (p *metricPush) unsaid() error {
	select {
	case <-p.done:
	default:
		return fmt.Errorf("otlp metrics: the last collection has not ended, nothing of it was sent to %s: a callback hangs", p.where)
	}
	if p.failure != nil {
		return fmt.Errorf("otlp metrics: nothing of the last collection was sent to %s: %w", p.where, p.failure)
	}
	text, last := "", p.last.Load()
	if p.missing > 0 {
		text = fmt.Sprintf("%d of %d data points of the last collection", p.missing, p.points)
	}
	earlier := p.dropped
	for _, c := range p.pending {
		if c.number != p.number {
			earlier += c.points
		}
	}
	if earlier > 0 {
		if text != "" {
			text += " and "
		}
		text += fmt.Sprintf("%d of earlier ones", earlier)
	}
	if text == "" {
		return nil
	}
	text = fmt.Sprintf("otlp metrics: %s not delivered to %s", text, p.where)
	if last == nil {
		return errors.New(text)
	}
	return &deliveryError{text: text + ": " + last.text, cause: last.cause}
}
