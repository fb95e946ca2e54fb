// Package catalog is how otelmail describes its series: [otelmail.Catalog] returns all of
// them, for whoever makes a dashboard, an alert or a reference page of them.
//
// [otelmail.Catalog]: https://pkg.go.dev/github.com/rusmes/otelmail#Catalog
package catalog

// Kind is the kind of a series, as Prometheus names it.
type Kind uint8

// The kinds of series.
const (
	Counter Kind = iota
	Gauge
	Histogram
)

// String returns "counter", "gauge" or "histogram".
func (k Kind) String() string {
	switch k {
	case Counter:
		return "counter"
	case Gauge:
		return "gauge"
	case Histogram:
		return "histogram"
	}
	return "unknown"
}

// Fleet is how the values of a series on several servers are put together.
type Fleet string

// The ways. With none of them is a value of one server's lost: by instance each has its own.
const (
	// Sum adds them up: counters by their increase or rate, histograms by those of their
	// buckets. A quantile is made of summed buckets; quantiles, ratios and averages of
	// several servers are not put together at all.
	Sum Fleet = "sum"
	// SumOfShown is Sum for a series of which each server shows its own busiest: all of it is
	// exact, and one label value lacks what servers have of it under "_other".
	SumOfShown Fleet = "sum of what each server shows"
	// Max takes the largest, which is the worst or the latest.
	Max Fleet = "max"
	// Min takes the smallest, which is the worst or the first.
	Min Fleet = "min"
	// ByHost leaves them as they are, one for each server.
	ByHost Fleet = "by host"
)

// Metric is the one description of a series. The instrument, the View, the
// reference page and the contract test all come from it.
type Metric struct {
	// Name without the namespace, for example "smtp_connections_total".
	Name string
	Kind Kind
	// Unit in UCUM: "s", "By", or an annotation such as "{message}", which
	// leaves the name as it is under every naming strategy of Prometheus.
	Unit string
	// Help says when the series moves, in one sentence without a full stop.
	Help string
	// Rise says what a rise means to an operator, and what to look at.
	Rise string
	// Fleet is how it is put together over several servers: of a gauge what its definition says,
	// of others [Sum] unless that says something else.
	Fleet Fleet
	// Labels are the only attribute keys the series may carry.
	Labels []Label
	// Since is the version of otelmail that first had the series. Example: "0.1.0".
	Since string
	// Buckets are a histogram's upper bounds in the series' unit.
	Buckets []float64
}

// Label is one dimension of a series.
type Label struct {
	Key string
	// Values is the closed set of values; nil where values come and go: domains,
	// whose number an option bounds, and the names of checks.
	Values []string
	// Help says what the label tells apart.
	Help string
}

// FullName is the name with its namespace, as it stands on /metrics and in OTLP.
func (m Metric) FullName(namespace string) string { return namespace + "_" + m.Name }

// Preset reports whether every label set of the series is there with 0 from the first
// scrape. So are series without labels, and counters and gauges whose labels are closed and
// have at most 64 combinations of values. Of the others each label set is there from its
// first event on.
func (m Metric) Preset() bool {
	sets := 1
	for _, l := range m.Labels {
		sets *= len(l.Values) // 0 where values come and go
	}
	if m.Kind == Histogram {
		return len(m.Labels) == 0
	}
	return sets > 0 && sets <= 64
}
