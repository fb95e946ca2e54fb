package dashboards

import (
	"fmt"
	"slices"
	"strings"

	"github.com/rusmes/otelmail/catalog"
	"github.com/rusmes/otelmail/cmd/otelmail/internal/series"
)

// query is one expression of a panel.
type query struct {
	expr   string
	legend string // in Grafana's form: {{label}}
	of     catalog.Metric
	// exemplars is for what has the unit of the histogram that it is of: they are drawn at
	// their own values.
	exemplars bool
}

// named is q with a legend of its own.
func (q query) named(legend string) query {
	q.legend = legend
	return q
}

// queries makes the expressions of one set of dashboards.
type queries struct {
	scope  series.Scope
	native bool // histograms are native ones
}

// every is the interval of a rate: four scrapes or more, as Grafana knows them.
const every = "[$__rate_interval]"

// rate is how often a counter rises each second, by the labels of by ("op, result"; "" is
// their sum).
func (q queries) rate(m catalog.Metric, by string, matchers ...string) query {
	return q.query(m, by, "rate("+q.scope.Select(m, matchers...)+every+")")
}

// increase is by how much a counter has risen within the window, such as 1h.
func (q queries) increase(m catalog.Metric, window, by string, matchers ...string) query {
	return q.query(m, by, q.scope.Grown(m, q.scope.Select(m, matchers...), window))
}

// sum, most and least are of a gauge's values.
func (q queries) sum(m catalog.Metric, by string, matchers ...string) query {
	return q.query(m, by, q.scope.Select(m, matchers...))
}

func (q queries) most(m catalog.Metric, by string, matchers ...string) query {
	return query{expr: aggregate("max", m, by, q.scope.Select(m, matchers...)), legend: legend(by), of: m}
}

func (q queries) least(m catalog.Metric, by string, matchers ...string) query {
	return query{expr: aggregate("min", m, by, q.scope.Select(m, matchers...)), legend: legend(by), of: m}
}

// since is how long ago the latest of the times was that a gauge shows; nothing for 0.
func (q queries) since(m catalog.Metric, by string, matchers ...string) query {
	latest := q.most(m, by, matchers...)
	latest.expr = "time() - (" + latest.expr + " > 0)"
	return latest
}

// until is how long there is until the first of the times that a gauge shows.
func (q queries) until(m catalog.Metric, by string) query {
	first := q.least(m, by)
	first.expr += " - time()"
	return first
}

// at0 is how many series of a gauge are at 0.
func (q queries) at0(m catalog.Metric) query {
	return query{expr: "sum(" + q.scope.Select(m) + " == bool 0)", of: m}
}

// top is the n largest of a query.
func top(n int, q query) query {
	q.expr = fmt.Sprintf("topk(%d, %s)", n, q.expr)
	return q
}

// sumOf adds up the lines of a query.
func sumOf(q query) query {
	q.expr, q.legend = "sum("+q.expr+")", ""
	return q
}

// quantiles are the median, the 95th and the 99th percentile of a histogram.
func (q queries) quantiles(m catalog.Metric, matchers ...string) []query {
	return []query{
		q.quantile("0.5", m, "", matchers...).named("median"),
		q.quantile("0.95", m, "", matchers...).named("95 %"),
		q.quantile("0.99", m, "", matchers...).named("99 %"),
	}
}

// p95 is the 95th percentile of a histogram, by the labels of by.
func (q queries) p95(m catalog.Metric, by string, matchers ...string) query {
	return q.quantile("0.95", m, by, matchers...)
}

func (q queries) quantile(share string, m catalog.Metric, by string, matchers ...string) query {
	var inner string
	if q.native {
		inner = aggregate("sum", m, by, "rate("+q.scope.Select(m, matchers...)+every+")")
	} else {
		inner = aggregate("sum", m, by, "rate("+q.scope.Bucket(m, matchers...)+every+")", "le")
	}
	return query{expr: "histogram_quantile(" + share + ", " + inner + ")", legend: legend(by), of: m, exemplars: true}
}

// recorded is how often a histogram has recorded something, a second.
func (q queries) recorded(m catalog.Metric, by string, matchers ...string) query {
	if q.native {
		return q.query(m, by, "histogram_count(rate("+q.scope.Select(m, matchers...)+every+"))")
	}
	return q.query(m, by, "rate("+q.scope.Count(m, matchers...)+every+")")
}

// total is the sum of what a histogram has recorded, a second.
func (q queries) total(m catalog.Metric, by string, matchers ...string) query {
	if q.native {
		return q.query(m, by, "histogram_sum(rate("+q.scope.Select(m, matchers...)+every+"))")
	}
	return q.query(m, by, "rate("+q.scope.Sum(m, matchers...)+every+")")
}

// within is the share of what a histogram has recorded up to one of its bounds, 0 to 1;
// nothing where it has recorded nothing.
func (q queries) within(bound float64, m catalog.Metric, window string, matchers ...string) query {
	if !slices.Contains(m.Buckets, bound) {
		panic(fmt.Sprintf("%s has no bound %v: its quantiles would be guessed", m.Name, bound))
	}
	in := "[" + window + "]"
	if q.native {
		return query{expr: fmt.Sprintf("histogram_fraction(0, %v, sum(rate(%s))) >= 0", bound, q.scope.Select(m, matchers...)+in), of: m}
	}
	// Prometheus 3 writes 30 as 30.0, and older ones as they get it.
	below := append([]string{fmt.Sprintf(`le=~"%v([.]0)?"`, bound)}, matchers...)
	return query{expr: fmt.Sprintf("sum(rate(%s)) / (sum(rate(%s)) > 0)", q.scope.Bucket(m, below...)+in, q.scope.Count(m, matchers...)+in), of: m}
}

func (q queries) query(m catalog.Metric, by, expr string) query {
	return query{expr: aggregate("sum", m, by, expr), legend: legend(by), of: m}
}

// foreign is a series that is not ours: Prometheus' own or its client library's. By is an
// aggregation with its labels.
func (q queries) foreign(by, name, function string) query {
	expr := name + "{" + q.scope.Matchers + "}"
	if function != "" {
		expr = function + "(" + expr + every + ")"
	}
	return query{expr: by + " (" + expr + ")", legend: "{{instance}}"}
}

// aggregate is over all servers, by labels that it panics for if m does not have them, and
// by further ones.
func aggregate(how string, m catalog.Metric, by, expr string, further ...string) string {
	keys := labels(by)
	for _, key := range keys {
		if key != "instance" && !slices.ContainsFunc(m.Labels, func(l catalog.Label) bool { return l.Key == key }) {
			panic(fmt.Sprintf("%s has no label %q", m.Name, key))
		}
	}
	keys = append(keys, further...)
	if len(keys) == 0 {
		return how + "(" + expr + ")"
	}
	return how + " by (" + strings.Join(keys, ", ") + ") (" + expr + ")"
}

func labels(by string) []string {
	if by == "" {
		return nil
	}
	return strings.Split(by, ", ")
}

func legend(by string) string {
	var parts []string
	for _, key := range labels(by) {
		parts = append(parts, "{{"+key+"}}")
	}
	return strings.Join(parts, " ")
}
