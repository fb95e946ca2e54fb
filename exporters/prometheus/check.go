package prometheus

import (
	"fmt"
	"math"
	"slices"

	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"
)

// Prometheus refuses a whole page for one series with a label twice, and a histogram that
// contradicts itself is worse than none. client_golang and OpenTelemetry's exporter check
// most of a page; what they let through is found here.

// checker checks a page in the form in which it leaves: a client that does not ask for
// UTF-8 names gets others, and two that differ may become one.
type checker struct {
	escaping model.EscapingScheme
	taken    map[string]bool // names after escaping; nil where no name changes
}

func newChecker(families []*dto.MetricFamily, format expfmt.Format) *checker {
	c := &checker{escaping: format.ToEscapingScheme()}
	if c.escaping != model.UnderscoreEscaping { // the other schemes keep names apart
		return c
	}
	if !slices.ContainsFunc(families, func(mf *dto.MetricFamily) bool { return !model.LegacyValidation.IsValidMetricName(mf.GetName()) }) {
		return c
	}
	c.taken = make(map[string]bool, len(families))
	for _, mf := range families {
		c.taken[mf.GetName()] = true
	}
	return c
}

// check returns the family without the series that must not be shown, nil if it must not
// be shown at all, and what is wrong. The family itself, which may be somebody else's, is
// not changed.
func (c *checker) check(mf *dto.MetricFamily) (*dto.MetricFamily, []error) {
	if c.taken != nil && !model.LegacyValidation.IsValidMetricName(mf.GetName()) {
		name := model.EscapeName(mf.GetName(), c.escaping)
		if c.taken[name] {
			return nil, []error{fmt.Errorf("%s is left out: as %s it has the name of another family", mf.GetName(), name)}
		}
		c.taken[name] = true
	}
	reserved := reservedLabel(mf.GetType())
	last := "" // most series of a family have the same label, which is looked at once
	var (
		wrong []error
		kept  []*dto.Metric
	)
	for i, m := range mf.Metric {
		err := c.checkLabels(m, reserved, &last)
		if err == nil && m.GetHistogram() != nil {
			err = checkHistogram(m.GetHistogram())
		}
		switch {
		case err != nil:
			if wrong == nil {
				kept = slices.Clone(mf.Metric[:i])
			}
			wrong = append(wrong, fmt.Errorf("a series of %s is left out: %w", mf.GetName(), err))
		case wrong != nil:
			kept = append(kept, m)
		}
	}
	switch {
	case wrong == nil:
		return mf, nil
	case len(kept) == 0:
		return nil, wrong
	}
	return &dto.MetricFamily{Name: mf.Name, Help: mf.Help, Type: mf.Type, Unit: mf.Unit, Metric: kept}, wrong
}

// reservedLabel is the label that the lines of this kind of family have of their own.
func reservedLabel(kind dto.MetricType) string {
	switch kind {
	case dto.MetricType_HISTOGRAM, dto.MetricType_GAUGE_HISTOGRAM:
		return model.BucketLabel
	case dto.MetricType_SUMMARY:
		return model.QuantileLabel
	}
	return ""
}

// checkLabels finds a reserved label, and two that are one after escaping. plain is the
// last name that escaping does not change.
func (c *checker) checkLabels(m *dto.Metric, reserved string, plain *string) error {
	odd := false
	for _, l := range m.Label {
		name := l.GetName()
		if name == reserved && reserved != "" {
			return fmt.Errorf("the label %s is reserved for its lines", name)
		}
		if name == *plain || c.escaping != model.UnderscoreEscaping {
			continue
		}
		if model.LegacyValidation.IsValidLabelName(name) {
			*plain = name
			continue
		}
		odd = true
	}
	if !odd {
		return nil
	}
	seen := make(map[string]string, len(m.Label))
	for _, l := range m.Label {
		name := model.EscapeName(l.GetName(), c.escaping)
		if other, twice := seen[name]; twice {
			return fmt.Errorf("the labels %q and %q both become %s", other, l.GetName(), name)
		}
		if name == reserved {
			return fmt.Errorf("the label %q becomes %s, which is reserved for its lines", l.GetName(), name)
		}
		seen[name] = l.GetName()
	}
	return nil
}

// checkHistogram finds buckets that contradict each other.
func checkHistogram(h *dto.Histogram) error {
	bound, count := math.Inf(-1), 0.0
	for i, b := range h.Bucket {
		if !(b.GetUpperBound() > bound) && (i > 0 || math.IsNaN(b.GetUpperBound())) {
			return fmt.Errorf("its bucket %v comes after %v", b.GetUpperBound(), bound)
		}
		n := max(float64(b.GetCumulativeCount()), b.GetCumulativeCountFloat())
		if n < count {
			return fmt.Errorf("its bucket %v has fewer values than the one before", b.GetUpperBound())
		}
		bound, count = b.GetUpperBound(), n
	}
	if all := max(float64(h.GetSampleCount()), h.GetSampleCountFloat()); count > all {
		return fmt.Errorf("its buckets have %v values and it %v", count, all)
	}
	if h.Schema == nil {
		return nil
	}
	return checkNative(h)
}

// checkNative finds a native histogram that Prometheus refuses.
func checkNative(h *dto.Histogram) error {
	if s := h.GetSchema(); s < -4 || s > 8 {
		return fmt.Errorf("its schema %d is not one of -4 to 8", s)
	}
	total := int64(h.GetZeroCount())
	for _, side := range []struct {
		spans  []*dto.BucketSpan
		deltas []int64
		counts []float64
	}{{h.PositiveSpan, h.PositiveDelta, h.PositiveCount}, {h.NegativeSpan, h.NegativeDelta, h.NegativeCount}} {
		buckets := 0
		for i, s := range side.spans {
			if i > 0 && s.GetOffset() < 0 {
				return fmt.Errorf("its span %d overlaps the one before", i+1)
			}
			buckets += int(s.GetLength())
		}
		if have := max(len(side.deltas), len(side.counts)); buckets != have {
			return fmt.Errorf("its spans have %d buckets, of which %d are there", buckets, have)
		}
		n := int64(0)
		for _, d := range side.deltas {
			n += d
			if n < 0 {
				return fmt.Errorf("a bucket of it has %d values", n)
			}
			total += n
		}
		if slices.ContainsFunc(side.counts, func(n float64) bool { return !(n >= 0) }) {
			return fmt.Errorf("a bucket of it has fewer values than none")
		}
	}
	all := int64(h.GetSampleCount())
	if floats := h.SampleCountFloat != nil; !floats && (total > all || total < all && !math.IsNaN(h.GetSampleSum())) {
		return fmt.Errorf("its buckets have %d values and it %d", total, all)
	}
	return nil
}
