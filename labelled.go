package otelmail

import (
	"context"
	"slices"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"

	"github.com/rusmes/otelmail/catalog"
	"github.com/rusmes/otelmail/internal/count"
)

// labelledCounter is a counter whose labels are closed sets: a cell for each combination
// of their values. All are there from the first collection where the catalogue says
// so, the others from their first event on.
type labelledCounter struct{ *count.Grid[cell] }

type cell struct {
	*count.Counter
	labels labelSet
}

// add adds n at the positions of the labels' values in the catalogue; a position outside
// of its set counts as the set's last value.
func (c labelledCounter) add(n int64, at ...int) {
	if c.Grid != nil {
		c.At(at...).Add(n)
	}
}

func (b *binder) labelledCounter(m *catalog.Metric) labelledCounter {
	c := labelledCounter{count.NewGrid(func(at []int) *cell {
		return &cell{count.NewCounter(), newLabelSet(labelsAt(m, at)...)}
	}, sizes(m)...)}
	if m.Preset() {
		c.Fill()
	}
	b.each(m, func(observe func(int64, labelSet)) {
		c.Each(func(one *cell) { observe(one.Load(), one.labels) })
	}, func(labels []string) (int64, bool) {
		at, ok := positions(m, labels)
		if !ok {
			return 0, false
		}
		if one := c.Made(at...); one != nil {
			return one.Load(), true
		}
		return 0, true
	})
	return c
}

// labelledHistogram is a histogram whose labels are closed sets. A combination is there
// from its first record on.
type labelledHistogram struct {
	histogram
	options *count.Grid[[]metric.RecordOption]
}

// record records a duration at the positions of the labels' values in the catalogue.
func (h labelledHistogram) record(ctx context.Context, d time.Duration, at ...int) {
	h.recordValue(ctx, max(d, 0).Seconds(), at...)
}

func (h labelledHistogram) recordValue(ctx context.Context, v float64, at ...int) {
	if h.options != nil {
		h.Record(ctx, v, *h.options.At(at...)...)
	}
}

func (b *binder) labelledHistogram(m *catalog.Metric) labelledHistogram {
	return labelledHistogram{b.histogram(m), count.NewGrid(func(at []int) *[]metric.RecordOption {
		return &[]metric.RecordOption{metric.WithAttributeSet(attribute.NewSet(labelsAt(m, at)...))}
	}, sizes(m)...)}
}

func sizes(m *catalog.Metric) []int {
	n := make([]int, len(m.Labels))
	for i, l := range m.Labels {
		n[i] = len(l.Values)
	}
	return n
}

func labelsAt(m *catalog.Metric, at []int) []attribute.KeyValue {
	attrs := make([]attribute.KeyValue, len(at))
	for i, p := range at {
		attrs[i] = attribute.String(m.Labels[i].Key, m.Labels[i].Values[p])
	}
	return attrs
}

// positions is where the values stand in the catalogue, which labelsAt undoes.
func positions(m *catalog.Metric, values []string) (at []int, ok bool) {
	if len(values) != len(m.Labels) {
		return nil, false
	}
	for i, l := range m.Labels {
		p := slices.Index(l.Values, values[i])
		if p < 0 {
			return nil, false
		}
		at = append(at, p)
	}
	return at, true
}
