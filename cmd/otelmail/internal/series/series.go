// Package series makes PromQL of the Catalog: a series is named by a Go value, so that
// what is made of it, dashboards and rules, follows when the series is renamed.
package series

import (
	"fmt"
	"slices"
	"strings"

	"github.com/rusmes/otelmail"
	"github.com/rusmes/otelmail/catalog"
)

//go:generate go run ./generate

// of is the series of the Catalog.
func of(name string) catalog.Metric {
	for _, m := range otelmail.Catalog() {
		if m.Name == name {
			return m
		}
	}
	panic("the Catalog has no " + name)
}

// Scope is where series are looked for.
type Scope struct {
	// Namespace is in front of each name.
	Namespace string
	// Matchers are for each series, in PromQL: `job="mail"`; "" for none.
	Matchers string
}

// Select is an instant vector of m: with labels that match, in PromQL (`state="deferred"`).
// It panics if m has no such label, or if one of a closed set cannot have the value: the
// expressions are this program's own.
func (s Scope) Select(m catalog.Metric, matchers ...string) string {
	return s.selects(m, "", matchers)
}

// Count is how many values a histogram has recorded.
func (s Scope) Count(m catalog.Metric, matchers ...string) string {
	return s.selects(m, "_count", matchers)
}

// Sum is the sum of what a histogram has recorded.
func (s Scope) Sum(m catalog.Metric, matchers ...string) string {
	return s.selects(m, "_sum", matchers)
}

// Bucket is the buckets of a classic histogram, with the label le.
func (s Scope) Bucket(m catalog.Metric, matchers ...string) string {
	return s.selects(m, "_bucket", matchers)
}

// Grown is how much the selected counters of m have grown within the window, such as 1h.
//
// Prometheus' own increase() does not see the first value of a series: where a series appears
// with its first event, nothing is seen of that. So what was not there a window ago counts
// whole, if its server was scraped then; if it was not, nobody knows when the events were. Nor is
// it known of the busiest senders and domains, which appear with what they had under _other.
func (s Scope) Grown(m catalog.Metric, selected, window string) string {
	grown := "increase(" + selected + "[" + window + "])"
	if m.Preset() || slices.ContainsFunc(m.Labels, func(l catalog.Label) bool { return l.Values == nil }) {
		return grown
	}
	return "(" + selected + " unless " + selected + " offset " + window +
		"\n and on (job, instance) " + s.Select(BuildInfo) + " offset " + window + "\n or " + grown + ")"
}

func (s Scope) selects(m catalog.Metric, part string, matchers []string) string {
	if part != "" && m.Kind != catalog.Histogram {
		panic(m.Name + " is no histogram")
	}
	all := matchers
	for _, matcher := range matchers {
		check(m, matcher)
	}
	if s.Matchers != "" {
		all = append([]string{s.Matchers}, matchers...)
	}
	name := m.FullName(s.Namespace) + part
	if len(all) == 0 {
		return name
	}
	return name + "{" + strings.Join(all, ",") + "}"
}

// check panics for a label that m does not have, and for a value that it cannot have.
func check(m catalog.Metric, matcher string) {
	end := strings.IndexAny(matcher, "=!")
	if end < 0 {
		panic(fmt.Sprintf("%s: %q is no matcher", m.Name, matcher))
	}
	key := matcher[:end]
	if key == "le" && m.Kind == catalog.Histogram {
		return
	}
	i := slices.IndexFunc(m.Labels, func(l catalog.Label) bool { return l.Key == key })
	if i < 0 {
		panic(fmt.Sprintf("%s has no label %q", m.Name, key))
	}
	_, quoted, _ := strings.Cut(matcher, `"`)
	for value := range strings.SplitSeq(strings.TrimSuffix(quoted, `"`), "|") {
		if known := m.Labels[i].Values; known != nil && !slices.Contains(known, value) && value != "" && !strings.ContainsAny(value, ".*$") {
			panic(fmt.Sprintf("%s: %s cannot be %q", m.Name, key, value))
		}
	}
}
