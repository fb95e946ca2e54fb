package dashboards

import (
	"net/url"
	"slices"
	"strings"

	"github.com/grafana/grafana-foundation-sdk/go/cog"
	"github.com/grafana/grafana-foundation-sdk/go/cog/variants"
	"github.com/grafana/grafana-foundation-sdk/go/common"
	"github.com/grafana/grafana-foundation-sdk/go/dashboard"
	"github.com/grafana/grafana-foundation-sdk/go/prometheus"
	"github.com/grafana/grafana-foundation-sdk/go/stat"
	"github.com/grafana/grafana-foundation-sdk/go/table"
	"github.com/grafana/grafana-foundation-sdk/go/timeseries"
	"github.com/grafana/grafana-foundation-sdk/go/units"

	"github.com/rusmes/otelmail"
	"github.com/rusmes/otelmail/catalog"
	"github.com/rusmes/otelmail/cmd/otelmail/internal/docs"
	"github.com/rusmes/otelmail/internal/settings"
)

// row is a heading and what stands below it.
type row struct {
	title  string
	panels []panel
}

// kind is how a panel shows its queries.
type kind uint8

const (
	graph  kind = iota // over time
	single             // one large value
	list               // a table of the values now
)

// panel is one picture. What is left out is taken from the series that it shows.
type panel struct {
	title   string
	says    string // description, in Markdown; "" is Help and Rise of the series
	unit    string // of Grafana's; "" is the unit of the first series
	kind    kind
	queries []query
	steps   []dashboard.Threshold // from what value on which colour
	empty   string                // what to show without data
	runbook string                // the alert that this is the picture of, and its page
}

const (
	green  = "green"
	yellow = "yellow"
	red    = "red"
)

// fine is green whatever the value: more is no trouble.
func fine() []dashboard.Threshold { return steps(green) }

// above is yellow and red from a value on.
func above(warn, bad float64) []dashboard.Threshold {
	return steps(green, dashboard.Threshold{Value: &warn, Color: yellow}, dashboard.Threshold{Value: &bad, Color: red})
}

// anyAbove is red from a value on.
func anyAbove(bad float64) []dashboard.Threshold {
	return steps(green, dashboard.Threshold{Value: &bad, Color: red})
}

// below is yellow and red under a value.
func below(warn, bad float64) []dashboard.Threshold {
	return steps(red, dashboard.Threshold{Value: &bad, Color: yellow}, dashboard.Threshold{Value: &warn, Color: green})
}

func steps(first string, further ...dashboard.Threshold) []dashboard.Threshold {
	return append([]dashboard.Threshold{{Color: first}}, further...)
}

// size is the width that a panel has at least, and its height, in the units of the grid.
func (p panel) size() (width, height uint32) {
	switch p.kind {
	case single:
		return 3, 4
	case list:
		return 12, 8
	}
	return 8, 8
}

// build is the panel as Grafana reads it.
func (p panel) build(id uint32, at dashboard.GridPos) (dashboard.Panel, error) {
	if p.unit == "" {
		p.unit = unitOf(p.queries[0].of)
	}
	if p.says == "" {
		p.says = p.meaning()
	}
	thresholds := dashboard.NewThresholdsConfigBuilder().Mode(dashboard.ThresholdsModeAbsolute).Steps(fine())
	if p.steps != nil {
		thresholds.Steps(p.steps)
	}
	switch p.kind {
	case single:
		b := stat.NewPanelBuilder().Id(id).GridPos(at).Title(p.title).Description(p.says).Unit(p.unit).
			Datasource(source).Targets(p.targets()).Links(p.links()).Thresholds(thresholds).NoValue(p.empty).
			GraphMode(common.BigValueGraphModeArea).ColorMode(common.BigValueColorModeValue)
		if p.empty == "" {
			b.NoValue("no data")
		}
		return b.ReduceOptions(common.NewReduceDataOptionsBuilder().Calcs([]string{"lastNotNull"})).Build()
	case list:
		return table.NewPanelBuilder().Id(id).GridPos(at).Title(p.title).Description(p.says).Unit(p.unit).
			Datasource(source).Targets(p.targets()).Links(p.links()).Thresholds(thresholds).
			Footer(common.NewTableFooterOptionsBuilder().Reducer([]string{})).
			WithTransformation(dashboard.DataTransformerConfig{Id: "merge", Options: map[string]any{}}).
			WithOverride(dashboard.MatcherConfig{Id: "byName", Options: "Time"},
				[]dashboard.DynamicConfigValue{{Id: "custom.hidden", Value: true}}).
			Build()
	}
	b := timeseries.NewPanelBuilder().Id(id).GridPos(at).Title(p.title).Description(p.says).Unit(p.unit).
		Datasource(source).Targets(p.targets()).Links(p.links()).Thresholds(thresholds).
		ColorScheme(dashboard.NewFieldColorBuilder().Mode(dashboard.FieldColorModeIdPaletteClassic)).
		Legend(common.NewVizLegendOptionsBuilder().ShowLegend(true).DisplayMode(common.LegendDisplayModeList).Placement(common.LegendPlacementBottom)).
		Tooltip(common.NewVizTooltipOptionsBuilder().Mode(common.TooltipDisplayModeMulti).Sort(common.SortOrderDescending)).
		FillOpacity(8).LineWidth(1).ShowPoints(common.VisibilityModeNever).AxisSoftMin(0)
	if p.steps != nil {
		b.ThresholdsStyle(common.NewGraphThresholdsStyleConfigBuilder().Mode(common.GraphThresholdsStyleModeDashed))
	}
	if p.lines() > mostNamed {
		b.WithOverride(
			dashboard.MatcherConfig{Id: "byValue", Options: map[string]any{"reducer": "allIsZero", "op": "gte", "value": 0}},
			[]dashboard.DynamicConfigValue{{Id: "custom.hideFrom", Value: map[string]any{"legend": true, "tooltip": true, "viz": false}}})
	}
	if p.hasExemplars() {
		b.DataLinks([]cog.Builder[dashboard.DashboardLink]{toTraces()})
	}
	return b.Build()
}

// targets are the queries. Quantiles come with exemplars.
func (p panel) targets() []cog.Builder[variants.Dataquery] {
	var all []cog.Builder[variants.Dataquery]
	for i, q := range p.queries {
		one := prometheus.NewDataqueryBuilder().Datasource(source).RefId(string(rune('A' + i))).
			Expr(q.expr).EditorMode(prometheus.QueryEditorModeCode)
		if q.legend != "" {
			one.LegendFormat(q.legend)
		} else {
			one.LegendFormat(p.title)
		}
		if p.kind == list {
			one.Instant().Format(prometheus.PromQueryFormatTable)
		} else {
			one.Range().Format(prometheus.PromQueryFormatTimeSeries)
			one.Exemplar(p.kind == graph && q.exemplars)
		}
		all = append(all, one)
	}
	return all
}

func (p panel) hasExemplars() bool {
	return slices.ContainsFunc(p.queries, func(q query) bool { return q.exemplars })
}

// mostNamed is how many lines a graph names whatever they show. Of more it names those that
// are not 0 all the time: a legend of forty names says nothing.
const mostNamed = 7

// lines is how many lines a graph has where the values of labels are known, and at least 1.
func (p panel) lines() int {
	n := 0
	for _, q := range p.queries {
		of := 1
		for _, l := range q.of.Labels {
			if strings.Contains(q.legend, "{{"+l.Key+"}}") {
				of *= max(len(l.Values), 1)
			}
		}
		n += of
	}
	return n
}

// shows is the series of the panel, each once.
func (p panel) shows() []catalog.Metric {
	var all []catalog.Metric
	for _, q := range p.queries {
		if q.of.Name != "" && !slices.ContainsFunc(all, func(m catalog.Metric) bool { return m.Name == q.of.Name }) {
			all = append(all, q.of)
		}
	}
	return all
}

// meaning is what the Catalog says of the series.
func (p panel) meaning() string {
	var parts []string
	for _, m := range p.shows() {
		parts = append(parts, m.Help+".\n\n"+m.Rise)
	}
	return strings.Join(parts, "\n\n")
}

// link is one that is followed, in a new tab.
type link struct{ title, url string }

// Build is the link as Grafana reads it.
func (l link) Build() (dashboard.DashboardLink, error) {
	return dashboard.DashboardLink{
		Title: l.title, Url: &l.url, Type: dashboard.DashboardLinkTypeLink, Tags: []string{}, TargetBlank: true,
	}, nil
}

// links lead to what to do, and to what the series mean: the reference has them under the
// default namespace.
func (p panel) links() []cog.Builder[dashboard.DashboardLink] {
	var all []cog.Builder[dashboard.DashboardLink]
	if p.runbook != "" {
		all = append(all, link{"What to do", docs.Runbook(p.runbook)})
	}
	for _, m := range p.shows() {
		if inCatalog(m) {
			all = append(all, link{m.Name, docs.URL + "series.md#" + m.FullName(settings.Namespace)})
		}
	}
	if all == nil {
		all = append(all, link{"The series", docs.URL + "series.md"})
	}
	return all
}

// toTraces leads from a point of a histogram to the traces of the time that is shown. An
// exemplar's own link is made by the data source, from its trace_id.
func toTraces() link {
	const explore = `{"datasource":"${traces}","queries":[{"refId":"A","queryType":"traceql","query":"{}"}],"range":{"from":"${__from}","to":"${__to}"}}`
	escaped := strings.NewReplacer("%24%7B", "${", "traces%7D", "traces}", "from%7D", "from}", "to%7D", "to}").Replace(url.QueryEscape(explore))
	return link{"Traces of this time", "/explore?left=" + escaped}
}

// unitOf is Grafana's name of the unit that the values of a panel have: a second, of counters.
func unitOf(m catalog.Metric) string {
	switch {
	case m.Kind == catalog.Counter && m.Unit == "{message}":
		return units.MessagesPerSecond
	case m.Kind == catalog.Counter && m.Unit == "{request}":
		return units.RequestsPerSecond
	case m.Kind == catalog.Counter:
		return units.CountsPerSecond
	case m.Unit == "s":
		return units.Seconds
	case m.Unit == "By":
		return units.BytesIEC
	case m.Unit == "1":
		return units.PercentUnit
	}
	return units.Short
}

// inCatalog reports whether the reference has a section for m.
func inCatalog(m catalog.Metric) bool {
	return slices.ContainsFunc(otelmail.Catalog(), func(c catalog.Metric) bool { return c.Name == m.Name })
}
