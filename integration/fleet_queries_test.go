package integration

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/VictoriaMetrics/metricsql"
	"go.yaml.in/yaml/v3"

	"github.com/rusmes/otelmail"
	"github.com/rusmes/otelmail/catalog"
)

// shippedRule is one of rules/.
type shippedRule struct {
	Record, Alert, Expr string
	Annotations         map[string]string
}

func shippedRules(t *testing.T) (all []shippedRule) {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("..", "rules", "otelmail.rules.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	var file struct {
		Groups []struct{ Rules []shippedRule }
	}
	if err := yaml.Unmarshal(text, &file); err != nil {
		t.Fatal(err)
	}
	for _, g := range file.Groups {
		all = append(all, g.Rules...)
	}
	return all
}

// TestQueriesAddServersUpAsTheCatalogueSays: of rules, dashboards and runbooks.
func TestQueriesAddServersUpAsTheCatalogueSays(t *testing.T) {
	queries := map[string]string{} // by where they stand
	for _, r := range shippedRules(t) {
		queries["rule "+r.Record+r.Alert+" "+r.Expr] = r.Expr
	}
	for _, d := range readDashboards(t, filepath.Join("..", "dashboards")) {
		for _, p := range d.Panels {
			for i, target := range p.Targets {
				queries[fmt.Sprintf("%s: %s (%d)", d.Title, p.Title, i+1)] =
					strings.NewReplacer("${namespace}", "rusmes", "$__rate_interval", "5m").Replace(target.Expr)
			}
		}
	}
	pages, err := filepath.Glob("../docs/runbooks/*.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, page := range pages {
		text, err := os.ReadFile(page)
		if err != nil {
			t.Fatal(err)
		}
		for _, code := range regexp.MustCompile("`([^`\n]*rusmes_[^`\n]*)`").FindAllStringSubmatch(string(text), -1) {
			queries[filepath.Base(page)+" "+code[1]] = code[1]
		}
	}
	judged := 0
	for where, query := range queries {
		expr, err := metricsql.Parse(query)
		if err != nil {
			t.Errorf("%s: %v", where, err)
			continue
		}
		wrong, n := judgeFleet(expr)
		judged += n
		for _, w := range wrong {
			t.Errorf("%s: %s", where, w)
		}
	}
	if judged < 200 {
		t.Errorf("only %d aggregations of series were judged", judged)
	}
}

// TestWrongQueriesAreFound by what judges those that are shipped.
func TestWrongQueriesAreFound(t *testing.T) {
	for query, right := range map[string]bool{
		"sum(rate(rusmes_smtp_connections_total[5m]))":                                                                true,
		"avg(rate(rusmes_smtp_connections_total[5m]))":                                                                false,
		"sum by (state) (rusmes_queue_oldest_age_seconds)":                                                            false,
		"max by (state) (rusmes_queue_oldest_age_seconds)":                                                            true,
		"sum by (job, instance) (rusmes_queue_oldest_age_seconds)":                                                    true,
		"sum without (instance) (rusmes_queue_oldest_age_seconds)":                                                    false,
		"max without (path) (rusmes_disk_free_ratio)":                                                                 true,
		"max by (path) (rusmes_disk_free_ratio)":                                                                      false,
		"avg(rusmes_disk_free_ratio)":                                                                                 false,
		"sum(rusmes_disk_free_ratio < 0.1)":                                                                           false,
		"sum(rusmes_disk_free_ratio < bool 0.1)":                                                                      true, // how many servers
		"count(rusmes_disk_free_ratio < 0.1)":                                                                         true,
		"max(rusmes_build_info)":                                                                                      false,
		"count by (version) (rusmes_build_info)":                                                                      true,
		"max(sum by (instance) (rusmes_queue_size))":                                                                  false,
		"topk(5, sum by (domain) (rate(rusmes_messages_per_domain_total[5m])))":                                       true,
		"avg(rusmes_smtp_messages_rejected_total / rusmes_smtp_messages_received_total)":                              false,
		"avg(job:rusmes_sli_login_errors:ratio5m)":                                                                    false,
		"histogram_quantile(0.9, sum by (le) (rate(rusmes_smtp_session_duration_seconds_bucket[5m])))":                true,
		"avg(histogram_quantile(0.9, sum by (instance, le) (rate(rusmes_smtp_session_duration_seconds_bucket[5m]))))": false,
		"sum(histogram_quantile(0.9, rate(rusmes_smtp_session_duration_seconds_bucket[5m])))":                         false,
	} {
		expr, err := metricsql.Parse(query)
		if err != nil {
			t.Fatal(err)
		}
		if wrong, judged := judgeFleet(expr); (len(wrong) == 0) != right || judged == 0 {
			t.Errorf("%s: %q, of %d", query, wrong, judged)
		}
	}
}

// judgeFleet says which aggregations over several servers are not those that the Catalog has
// for their series, and how many it has looked at.
func judgeFleet(e metricsql.Expr) (wrong []string, judged int) {
	metricsql.VisitAll(e, func(e metricsql.Expr) {
		a, ok := e.(*metricsql.AggrFuncExpr)
		if !ok {
			return
		}
		for _, s := range summed(a.Args) {
			judged++
			if !keepsServers(a) && !slices.Contains(s.ways, a.Name) {
				wrong = append(wrong, fmt.Sprintf("%s of several servers' %s, want one of %q", a.Name, s.name, s.ways))
			}
		}
	})
	return wrong, judged
}

// keepsServers reports whether an aggregation leaves each server a value of its own.
func keepsServers(a *metricsql.AggrFuncExpr) bool {
	if strings.HasSuffix(a.Name, "topk") || strings.HasPrefix(a.Name, "bottomk") { // these choose
		return true
	}
	return slices.Contains(a.Modifier.Args, "instance") != (strings.ToLower(a.Modifier.Op) == "without") && a.Modifier.Op != ""
}

type summedSeries struct {
	name string
	ways []string // by which values of several servers may be put together
}

// summed are the series whose servers an aggregation of args puts together: not those that a
// further one within has put together.
func summed(args []metricsql.Expr) (all []summedSeries) {
	for _, e := range args {
		switch e := e.(type) {
		case *metricsql.AggrFuncExpr:
			if keepsServers(e) {
				all = append(all, summed(e.Args)...)
			}
		case *metricsql.FuncExpr:
			inner := summed(e.Args)
			if e.Name == "histogram_quantile" || e.Name == "histogram_fraction" {
				inner = not(inner, e.Name)
			}
			all = append(all, inner...)
		case *metricsql.RollupExpr:
			all = append(all, summed([]metricsql.Expr{e.Expr})...)
		case *metricsql.BinaryOpExpr:
			both := append(summed([]metricsql.Expr{e.Left}), summed([]metricsql.Expr{e.Right})...)
			switch {
			case e.Bool: // 1 or 0, and how many are counted
				all = append(all, summedSeries{e.Op + " bool", []string{"sum", "count"}})
			case e.Op == "/" && len(both) > 1:
				all = append(all, not(both, "ratio")...)
			case e.Op == "unless" || e.Op == "and":
				all = append(all, summed([]metricsql.Expr{e.Left})...)
			default:
				all = append(all, both...)
			}
		case *metricsql.MetricExpr:
			for _, filters := range e.LabelFilterss {
				for _, f := range filters {
					if f.Label == "__name__" {
						all = append(all, waysOf(f.Value)...)
					}
				}
			}
		}
	}
	return all
}

// not is what was made of series in a way after which they are not put together any more.
func not(made []summedSeries, how string) (all []summedSeries) {
	for _, s := range made {
		all = append(all, summedSeries{how + " of " + s.name, []string{"max", "min", "count"}})
	}
	return all
}

// waysOf is of one series; none of those that are not ours.
func waysOf(name string) []summedSeries {
	if strings.HasPrefix(name, "job:") {
		return not([]summedSeries{{name: name}}, "ratio")
	}
	for _, m := range otelmail.Catalog() {
		full := m.FullName("rusmes")
		part, is := strings.CutPrefix(name, full)
		if !is || part != "" && (m.Kind != catalog.Histogram || !slices.Contains([]string{"_bucket", "_count", "_sum"}, part)) {
			continue
		}
		ways := []string{"count", "group"}
		switch m.Fleet {
		case catalog.Sum, catalog.SumOfShown:
			ways = append(ways, "sum")
		case catalog.Max:
			ways = append(ways, "max")
		case catalog.Min:
			ways = append(ways, "min")
		}
		return []summedSeries{{name, ways}}
	}
	return nil
}

// TestAlertsNameTheirServer, or their job where they are of all of its servers.
func TestAlertsNameTheirServer(t *testing.T) {
	for _, r := range shippedRules(t) {
		if r.Alert == "" || r.Alert == "MailWatchdog" {
			continue
		}
		text := fmt.Sprint(r.Annotations)
		if !strings.Contains(text, "$labels.instance") && !strings.Contains(text, "$labels.job") {
			t.Errorf("%s says neither which server nor which job: %s", r.Alert, text)
		}
	}
}
