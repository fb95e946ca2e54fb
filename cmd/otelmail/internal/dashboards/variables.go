package dashboards

import (
	"fmt"

	"github.com/grafana/grafana-foundation-sdk/go/cog"
	"github.com/grafana/grafana-foundation-sdk/go/common"
	"github.com/grafana/grafana-foundation-sdk/go/dashboard"

	"github.com/rusmes/otelmail/cmd/otelmail/internal/series"
)

const namespaceVariable = "namespace"

// matchers are for every series. All of them is the list of those that are known, so that
// process_* of other programs are not among them.
const matchers = `job=~"$job",instance=~"$instance"`

// source is where panels ask.
var source = common.DataSourceRef{Type: ptr("prometheus"), Uid: ptr("${datasource}")}

// variables are what can be chosen on top of a dashboard.
func variables(c Config) ([]dashboard.VariableModel, error) {
	// Every server has this series from the first scrape on, and nothing else does.
	known := series.Scope{Namespace: "${" + namespaceVariable + "}"}
	suffix := series.SelfWaiting.FullName("")
	query := func(name, label, says, query, current string) *dashboard.QueryVariableBuilder {
		b := dashboard.NewQueryVariableBuilder(name).Label(label).Description(says).Datasource(source).
			Query(dashboard.StringOrMap{String: &query}).Definition(query).
			Refresh(dashboard.VariableRefreshOnTimeRangeChanged).Sort(dashboard.VariableSortAlphabeticalAsc)
		if current != "" {
			b.Current(chosen(current))
		}
		return b
	}
	all := func(b *dashboard.QueryVariableBuilder, current string) *dashboard.QueryVariableBuilder {
		b.Multi(true).IncludeAll(true)
		if current == "" {
			return b.Current(dashboard.VariableOption{
				Text: dashboard.StringOrArrayOfString{String: ptr("All")}, Value: dashboard.StringOrArrayOfString{String: ptr("$__all")},
			})
		}
		return b
	}
	metrics := dashboard.NewDatasourceVariableBuilder("datasource").Label("Data source").Type("prometheus").
		Description("Prometheus, or what speaks its language")
	if c.DataSource != "" {
		metrics.Current(chosen(c.DataSource))
	}
	builders := []cog.Builder[dashboard.VariableModel]{
		metrics,
		dashboard.NewDatasourceVariableBuilder("traces").Label("Traces").Type("tempo").
			Description("Where links from histograms lead to"),
		query(namespaceVariable, "Namespace", "What the names of the series begin with",
			fmt.Sprintf(`label_values({__name__=~".+%s"}, __name__)`, suffix), c.Namespace).Regex("/^(.+)" + suffix + "$/"),
		all(query("job", "Job", "The servers' job in Prometheus",
			fmt.Sprintf("label_values(%s, job)", known.Select(series.SelfWaiting)), c.Job), c.Job),
		all(query("instance", "Instance", "The servers",
			fmt.Sprintf("label_values(%s, instance)", series.Scope{
				Namespace: known.Namespace, Matchers: `job=~"$job"`,
			}.Select(series.SelfWaiting)), ""), ""),
	}
	var made []dashboard.VariableModel
	for _, b := range builders {
		one, err := b.Build()
		if err != nil {
			return nil, fmt.Errorf("make the variables: %w", err)
		}
		made = append(made, one)
	}
	return made, nil
}

// chosen is a variable's value until somebody chooses another.
func chosen(value string) dashboard.VariableOption {
	return dashboard.VariableOption{
		Selected: ptr(true),
		Text:     dashboard.StringOrArrayOfString{String: &value}, Value: dashboard.StringOrArrayOfString{String: &value},
	}
}
