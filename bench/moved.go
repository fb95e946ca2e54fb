package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"time"

	prom "github.com/prometheus/client_golang/prometheus"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"

	"github.com/rusmes/otelmail"
)

// moved is how many series one piece of work changes. It is counted and not typed, so that
// the other side of a duel always does as much.
type moved struct {
	counters, gauges int
	durations, sizes []buckets // of each histogram's record; durations read the clock
}

type buckets []float64

// movedBy makes the work on a Telemetry of its own and counts the series that it changes
// the second time: some label sets are there only from their first event on.
func movedBy(ctx context.Context, makeWork func(*otelmail.Telemetry) func()) (_ moved, err error) {
	tel, err := start(ctx)
	if err != nil {
		return moved{}, err
	}
	defer func() { err = errors.Join(err, tel.Shutdown(ctx)) }()
	work := makeWork(tel)
	work()
	before, err := seriesOf(ctx, tel)
	if err != nil {
		return moved{}, err
	}
	work()
	after, err := seriesOf(ctx, tel)
	if err != nil {
		return moved{}, err
	}
	var m moved
	for name, now := range after {
		was := before[name]
		switch {
		case now.value == was.value:
		case now.bounds == nil && now.counter:
			m.counters += int(now.value - was.value)
		case now.bounds == nil:
			m.gauges++
		default:
			for range int(now.value - was.value) {
				if now.unit == "s" {
					m.durations = append(m.durations, now.bounds)
				} else {
					m.sizes = append(m.sizes, now.bounds)
				}
			}
		}
	}
	return m, nil
}

func (m moved) String() string {
	return fmt.Sprintf("%d counters, %d gauges, %d histograms", m.counters, m.gauges, len(m.durations)+len(m.sizes))
}

// promSet is the same with client_golang, all children resolved.
type promSet struct {
	counters         []prom.Counter
	gauges           []prom.Gauge
	durations, sizes []prom.Histogram
}

func (m moved) promSet() *promSet {
	s := &promSet{}
	for i := range m.counters {
		s.counters = append(s.counters, prom.NewCounter(prom.CounterOpts{Name: "c" + strconv.Itoa(i)}))
	}
	for i := range m.gauges {
		s.gauges = append(s.gauges, prom.NewGauge(prom.GaugeOpts{Name: "g" + strconv.Itoa(i)}))
	}
	histogram := func(b buckets) prom.Histogram {
		return prom.NewHistogram(prom.HistogramOpts{Name: "h", Buckets: slices.Clone(b)})
	}
	for _, b := range m.durations {
		s.durations = append(s.durations, histogram(b))
	}
	for _, b := range m.sizes {
		s.sizes = append(s.sizes, histogram(b))
	}
	return s
}

func (s *promSet) record(begun time.Time) {
	for _, c := range s.counters {
		c.Inc()
	}
	for _, g := range s.gauges {
		g.Add(1)
	}
	for _, h := range s.durations {
		h.Observe(time.Since(begun).Seconds())
	}
	for _, h := range s.sizes {
		h.Observe(1)
	}
}

// reading is one series: the value of a counter or a gauge, a histogram's count.
type reading struct {
	value   float64
	counter bool
	bounds  buckets // of a histogram
	unit    string
}

func seriesOf(ctx context.Context, tel *otelmail.Telemetry) (map[string]reading, error) {
	var rm metricdata.ResourceMetrics
	if err := tel.Reader().Collect(ctx, &rm); err != nil {
		return nil, fmt.Errorf("collect the series that one operation changes: %w", err)
	}
	all := map[string]reading{}
	for _, scope := range rm.ScopeMetrics {
		for _, m := range scope.Metrics {
			switch d := m.Data.(type) {
			case metricdata.Sum[int64]:
				for _, p := range d.DataPoints {
					all[m.Name+p.Attributes.Encoded(attribute.DefaultEncoder())] = reading{value: float64(p.Value), counter: d.IsMonotonic}
				}
			case metricdata.Gauge[int64]:
				for _, p := range d.DataPoints {
					all[m.Name+p.Attributes.Encoded(attribute.DefaultEncoder())] = reading{value: float64(p.Value)}
				}
			case metricdata.Histogram[float64]:
				for _, p := range d.DataPoints {
					all[m.Name+p.Attributes.Encoded(attribute.DefaultEncoder())] = reading{value: float64(p.Count), bounds: p.Bounds, unit: m.Unit}
				}
			case metricdata.Histogram[int64]:
				for _, p := range d.DataPoints {
					all[m.Name+p.Attributes.Encoded(attribute.DefaultEncoder())] = reading{value: float64(p.Count), bounds: p.Bounds, unit: m.Unit}
				}
			}
		}
	}
	return all, nil
}
