package otelmail

import (
	"cmp"
	"slices"
	"strings"

	"github.com/rusmes/otelmail/catalog"
)

// definitions holds every series. It is filled while the package's variables
// are initialised and only read afterwards.
var definitions []*catalog.Metric

// firstVersion is since when there are the series that do not say it. What comes later says
// it: a release is refused otherwise.
const firstVersion = "0.1.0"

// define registers a series: no list is kept by hand, so no series can be forgotten.
func define(m catalog.Metric) *catalog.Metric {
	m.Since = cmp.Or(m.Since, firstVersion)
	if m.Kind != catalog.Gauge {
		m.Fleet = cmp.Or(m.Fleet, catalog.Sum)
	}
	definitions = append(definitions, &m)
	return &m
}

// Catalog returns the description of every series, sorted by name.
func Catalog() []catalog.Metric {
	all := make([]catalog.Metric, len(definitions))
	for i, d := range definitions {
		all[i] = *d
		all[i].Labels = slices.Clone(d.Labels)
		all[i].Buckets = slices.Clone(d.Buckets)
	}
	slices.SortFunc(all, func(a, b catalog.Metric) int { return strings.Compare(a.Name, b.Name) })
	return all
}
