package integration

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/rusmes/otelmail/integration/internal/peer"
)

// TestDashboardsCountFirstEvents: what a panel counts within the last hour begins with the first
// event of a series, which increase() alone would leave out.
func TestDashboardsCountFirstEvents(t *testing.T) {
	const of = `{job="mail",instance="mx1",`
	type query struct {
		Expr    string           `json:"expr"`
		At      string           `json:"eval_time"`
		Samples []map[string]any `json:"exp_samples"`
	}
	var queries []query
	fill := strings.NewReplacer("${namespace}", namespace, "$job", "mail", "$instance", "mx1")
	for _, dash := range readDashboards(t, filepath.Join("..", "dashboards")) {
		for _, p := range dash.Panels {
			for _, target := range p.Targets {
				expr := fill.Replace(target.Expr)
				if strings.Contains(expr, "increase("+namespace+"_rejections_total") || strings.Contains(expr, "increase("+namespace+"_auth_attempts_total") {
					queries = append(queries, query{expr, "110m", []map[string]any{{"labels": "{}", "value": 5}}})
				}
			}
		}
	}
	if len(queries) != 3 {
		t.Errorf("%d panels count refusals and logins that failed for a fault of ours, want 3", len(queries))
	}
	test, err := json.Marshal(map[string]any{"tests": []any{map[string]any{
		"interval": "1m",
		"input_series": []map[string]string{
			{"series": namespace + "_build_info" + of + `version="1"}`, "values": "1x120"},
			{"series": namespace + "_rejections_total" + of + `fault="ours"}`, "values": "_x99 5x20"},
			{"series": namespace + "_rejections_total" + of + `fault="theirs"}`, "values": "_x99 4 5x20"},
			{"series": namespace + "_auth_attempts_total" + of + `result="error"}`, "values": "_x99 5x20"},
		},
		"promql_expr_test": queries,
	}}})
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "first.json")
	if err := os.WriteFile(file, test, 0o600); err != nil {
		t.Fatal(err)
	}
	if output, exit := peer.Promtool(t, nil, "test", "rules", file); exit != 0 {
		t.Errorf("exit %d\n%s", exit, output)
	}
}
