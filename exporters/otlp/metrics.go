package otlp

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"

	"github.com/rusmes/otelmail/export"
	"github.com/rusmes/otelmail/exporters/otlp/internal/encode"
	"github.com/rusmes/otelmail/exporters/otlp/internal/ledger"
)

// metricPush collects all metrics at an interval and hands every collection to a
// way out. The SDK's periodic reader is not used: it aggregates every event a second
// time, sends nothing at all when one callback fails, and ends the process when one
// panics.
type metricPush struct {
	way
	cadence cadence
	reader  export.Reader
	printer sdkmetric.Exporter // nil: they are sent

	start    sync.Once
	stopping chan struct{}
	done     chan struct{} // closed when the loop has ended

	// The loop alone uses these until done is closed.
	number  int           // of the last collection
	time    time.Time     // of its points
	pending []*collection // still to be handed over, oldest first
	before  ledger.Ledger // as it was before the last collection
	points  int64         // data points of the last collection
	missing int64         // how many of these were dropped
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

func newMetricPush(w way, c cadence, reader export.Reader, printer sdkmetric.Exporter) *metricPush {
	return &metricPush{way: w, cadence: c, reader: reader, printer: printer, stopping: make(chan struct{}), done: make(chan struct{})}
}

// begin starts the loop. The first collection follows after one interval.
func (p *metricPush) begin(context.Context) error {
	p.start.Do(func() { go p.run() })
	return nil
}

func (p *metricPush) run() {
	defer close(p.done)
	ticker := time.NewTicker(p.cadence.interval)
	defer ticker.Stop()
	for {
		select {
		case <-p.stopping:
			p.cycle(p.lifetime(), true) // with all the time that shutdown has
			return
		case <-ticker.C:
			ctx, cancel := context.WithTimeout(p.lifetime(), p.cadence.timeout)
			p.cycle(ctx, false)
			cancel()
		}
	}
}

// cycle collects once and hands over what there is.
func (p *metricPush) cycle(ctx context.Context, last bool) {
	p.number++
	p.before, p.points, p.missing = p.Ledger(), 0, 0
	var all metricdata.ResourceMetrics
	if p.failure = p.reader.Collect(ctx, &all); p.failure != nil {
		p.problem(p.failure)
	}
	now := time.Now()
	setTime(&all, p.time, now)
	p.time = now
	splitMetrics(&all, func(part *metricdata.ResourceMetrics, points int64) {
		p.Accept(points)
		p.pending = append(p.pending, &collection{p.number, part, points})
		p.points += points
	})
	for len(p.pending) > 0 {
		c := p.pending[0]
		// No later collection repeats a difference, so it has to be sent again.
		again := p.differences() && !last && c.number > p.number-maxPending
		before := p.Ledger().Lost()
		if !p.take(ctx, c.points, again, func(ctx context.Context) ([]byte, error) {
			if p.printer != nil {
				return nil, p.printer.Export(ctx, c.metrics)
			}
			return encode.Metrics(c.metrics), nil
		}) {
			return
		}
		p.pending = p.pending[1:]
		if c.number == p.number {
			p.missing += p.Ledger().Lost() - before
		}
	}
}

func (p *metricPush) differences() bool { return p.cadence.preference != Cumulative }

// undeliveredPoints says what has not reached the receiver, for a way without a buffer.
// The next push of totals repeats what a failed one said, so only the last collection
// counts; of differences all do.
func (p *metricPush) undeliveredPoints() (what string, since ledger.Ledger) {
	select {
	case <-p.done:
	default:
		return "", since // stop says so
	}
	var parts []string
	if p.missing > 0 {
		parts = append(parts, fmt.Sprintf("%d of %d data points of the last collection", p.missing, p.points))
	}
	if !p.differences() {
		since = p.before
	} else if earlier := p.Ledger().Lost() - p.missing; earlier > 0 {
		parts = append(parts, fmt.Sprintf("%d of earlier ones", earlier))
	}
	return strings.Join(parts, " and "), since
}

// stop makes the last collection and hands it over.
func (p *metricPush) stop(ctx context.Context) error {
	err := p.shutdown(ctx, p.finish, p.undeliveredPoints)
	select {
	case <-p.done:
	default:
		return errors.Join(err, errors.New("otlp metrics: the last collection has not ended, nothing of it is sent or kept: a callback or the disk hangs"))
	}
	if p.failure != nil {
		return errors.Join(err, fmt.Errorf("otlp metrics: the last collection is not whole: %w", p.failure))
	}
	return err
}

func (p *metricPush) finish(ctx context.Context) error {
	close(p.stopping)
	// If begin is called only now, it starts no loop any more.
	p.start.Do(func() { close(p.done) })
	select {
	case <-p.done:
	case <-ctx.Done():
		// A callback or the disk hangs, and the loop waits for it.
	}
	return nil
}
