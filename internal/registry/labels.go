package registry

import (
	"slices"

	"github.com/rusmes/otelmail/catalog"
	"github.com/rusmes/otelmail/internal/seriesname"
)

// labels are the attributes of the series by their keys, with the series that have them. A
// key such as reason has other values on each series, but an attribute has one type: the
// closed set of all values, of which each series says which it has. Where the values of one
// series come and go it is a string.
type labels map[string][]catalog.Label

func labelsOf(all []catalog.Metric) labels {
	l := labels{}
	for _, m := range all {
		for _, one := range m.Labels {
			l[one.Key] = append(l[one.Key], one)
		}
	}
	return l
}

// set are all values of a label, nil where they come and go somewhere.
func (l labels) set(key string) (set []string) {
	for _, one := range l[key] {
		if one.Values == nil {
			return nil
		}
		for _, value := range one.Values {
			if !slices.Contains(set, value) {
				set = append(set, value)
			}
		}
	}
	return set
}

// means is what a label is, if it is the same wherever it is.
func (l labels) means(key string) (string, bool) {
	help := l[key][0].Help
	return help, !slices.ContainsFunc(l[key], func(other catalog.Label) bool { return other.Help != help })
}

// group defines the labels. names are those of the series, one of which is an example.
func (l labels) group(names seriesname.Names) Group {
	g := Group{ID: "registry.series", Type: typeAttributes, Stability: development,
		Brief: "The labels of the series, whose names are those of Prometheus and have no namespace."}
	keys := make([]string, 0, len(l))
	for key := range l {
		keys = append(keys, key)
	}
	slices.Sort(keys)
	for _, key := range keys {
		a := Attribute{ID: key, Stability: development, Type: newType(typeString, l.set(key))}
		help, same := l.means(key)
		if same {
			a.Brief = help + "."
		} else {
			a.Brief = "What it tells apart each series says for itself."
		}
		if a.Type.Members == nil {
			a.Examples = l.examples(key, names)
		}
		g.Attributes = append(g.Attributes, a)
	}
	return g
}

// examples are values of a label: three, or one that says what stands there.
func (l labels) examples(key string, names seriesname.Names) []any {
	for _, one := range l[key] {
		if len(one.Values) > 0 {
			var some []any
			for _, v := range one.Values[:min(3, len(one.Values))] {
				some = append(some, v)
			}
			return some
		}
	}
	if key == "source" {
		return []any{names["queueSize"]}
	}
	return []any{openExamples[key]}
}

// openExamples are of the labels that are closed nowhere.
var openExamples = map[string]string{
	"check":     "storage",
	"domain":    "example.org",
	"goversion": "go1.26.0",
	"listener":  "smtp",
	"otelmail":  "0.1.0",
	"path":      "spool",
	"user_hash": "58dac16a9c6a4cc0",
	"version":   "1.2.3",
	"zone":      "zen.spamhaus.org",
}

// metrics are the series.
func (l labels) metrics(all []catalog.Metric, namespace string) []Group {
	var groups []Group
	for _, m := range all {
		g := Group{
			ID: "metric." + m.FullName(namespace), Type: typeMetric, MetricName: m.FullName(namespace),
			Instrument: m.Kind.String(), Unit: m.Unit, Stability: development, Brief: m.Help + ".", Note: plain(m.Rise),
			Annotations: &Annotations{Since: m.Since, Buckets: m.Buckets},
		}
		for _, one := range m.Labels {
			a := Attribute{Ref: one.Key, RequirementLevel: &Requirement{Level: "required"}}
			if _, same := l.means(one.Key); !same {
				a.Brief = plain(one.Help) + "."
			}
			if !slices.Equal(one.Values, l.set(one.Key)) {
				a.Annotations = &Annotations{Values: one.Values}
			}
			g.Attributes = append(g.Attributes, a)
		}
		groups = append(groups, g)
	}
	return groups
}
