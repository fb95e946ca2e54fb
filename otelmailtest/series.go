package otelmailtest

import (
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"

	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"

	"github.com/rusmes/otelmail"
	"github.com/rusmes/otelmail/catalog"
)

// Series are values by the names that they have on /metrics:
//
//	rusmes_smtp_connections_total
//	rusmes_active_connections{protocol="smtp"}
//	rusmes_smtp_session_duration_seconds_count
//	rusmes_smtp_session_duration_seconds_bucket{le="0.5"}
//
// A name that lacks labels stands for the sum over all their values, as in a query with sum():
// rusmes_replies_total{protocol="smtp"} is what SMTP has answered, whatever to. So it is of
// the buckets and counts of a histogram. Values are compared as exactly as sums of floating
// point numbers can be. A name that is not in [otelmail.Catalog] fails the test.
type Series map[string]float64

// Any is the value of a series that may have any: what [Recorder.Moved] is not to look at. As the
// value of one of [Attributes] it is any that is there.
var Any = math.NaN()

// selector is a name of a Series, looked up in the catalogue.
type selector struct {
	name   string // with namespace, and _count, _sum or _bucket
	labels map[string]string
}

// matches reports whether the sum that s stands for has the sample in it.
func (s selector) matches(p sample) bool {
	if s.name != p.name {
		return false
	}
	for key, value := range s.labels {
		if p.labels[key] != value {
			return false
		}
	}
	return true
}

// parse reads the name of a series.
func parse(namespace, text string) (selector, error) {
	// The parser is that of Prometheus' own text format.
	parser := expfmt.NewTextParser(model.UTF8Validation)
	families, err := parser.TextToMetricFamilies(strings.NewReader(text + " 1\n"))
	if err != nil || len(families) != 1 {
		return selector{}, fmt.Errorf(`series %q: not written as on /metrics, want name{label="value",...}`, text)
	}
	s := selector{labels: map[string]string{}}
	for name, family := range families {
		s.name = name
		for _, l := range family.GetMetric()[0].GetLabel() {
			s.labels[l.GetName()] = l.GetValue()
		}
	}
	m, err := lookUp(namespace, s.name)
	if err != nil {
		return selector{}, err
	}
	return s, s.check(m)
}

// lookUp finds the description of a series in the catalogue.
func lookUp(namespace, name string) (catalog.Metric, error) {
	var all []string
	for _, m := range otelmail.Catalog() {
		full := m.FullName(namespace)
		if m.Kind != catalog.Histogram {
			if name == full {
				return m, nil
			}
			all = append(all, full)
			continue
		}
		for _, part := range []string{"_count", "_sum", "_bucket"} {
			if name == full+part {
				return m, nil
			}
			all = append(all, full+part)
		}
		if name == full {
			return m, fmt.Errorf(`series %q is a histogram: want %[1]s_count, %[1]s_sum or %[1]s_bucket{le="..."}`, name)
		}
	}
	err := fmt.Errorf("series %q is not in the catalogue", name)
	if near := nearest(name, all); len(near) > 0 {
		return catalog.Metric{}, fmt.Errorf("%w: did you mean %s?", err, strings.Join(near, ", or "))
	}
	return catalog.Metric{}, fmt.Errorf("%w: docs/series.md lists it, and the names here begin with %q", err, namespace+"_")
}

// check wants labels that the series can have.
func (s selector) check(m catalog.Metric) error {
	allowed := map[string][]string{}
	for _, l := range m.Labels {
		allowed[l.Key] = l.Values
	}
	if strings.HasSuffix(s.name, "_bucket") && m.Kind == catalog.Histogram {
		for _, bound := range append(slices.Clone(m.Buckets), math.Inf(1)) {
			allowed["le"] = append(allowed["le"], formatBound(bound))
		}
	}
	for _, key := range slices.Sorted(maps.Keys(s.labels)) {
		values, ok := allowed[key]
		switch value := s.labels[key]; {
		case !ok:
			return fmt.Errorf("series %q: label %q is not one of its labels [%s]", s.name, key, strings.Join(slices.Sorted(maps.Keys(allowed)), " "))
		case values != nil && !slices.Contains(values, value):
			return fmt.Errorf("series %q: label %s=%q is never there: want one of [%s]", s.name, key, value, strings.Join(values, " "))
		}
	}
	return nil
}

func formatBound(bound float64) string {
	if math.IsInf(bound, 1) {
		return "+Inf"
	}
	return number(bound)
}

// parse reads all names, in their order.
func (s Series) parse(namespace string) (all []selector, names []string, err error) {
	names = slices.Sorted(maps.Keys(s))
	for _, name := range names {
		one, err := parse(namespace, name)
		if err != nil {
			return nil, nil, err
		}
		all = append(all, one)
	}
	return all, names, nil
}
