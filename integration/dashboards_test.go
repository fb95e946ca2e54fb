package integration

import (
	"fmt"
	"maps"
	"math"
	"net"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/rusmes/otelmail/integration/internal/peer"
	"github.com/rusmes/otelmail/integration/internal/picture"
)

func readDashboards(t *testing.T, dir string) []picture.Dashboard {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(dir, "*.json"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no dashboards in %s: %v", dir, err)
	}
	var all []picture.Dashboard
	for _, file := range files {
		d, err := picture.Read(file)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, d)
	}
	return all
}

// withoutData are what the expressions have that stay empty while nothing is wrong: they are
// of label sets that are there from their first event on, and the demo has no such trouble.
var withoutData = []string{
	`result="error"}[1h]`, // nobody could log in, for our fault
}

// notPushed are the series that a scrape brings, and OTLP does not.
var notPushed = []string{"up{", "scrape_", "process_", "go_gc_", "go_goroutines", "telemetry_server_problems_total"}

// TestDashboardsShowData: every expression of every panel is PromQL and returns a number,
// with the variables as Grafana fills them.
func TestDashboardsShowData(t *testing.T) {
	t.Parallel()
	collector := peer.StartCollector(t)
	d := startDemo(t, launch{rate: 20, env: pushTo(collector, "http/protobuf")})
	keepOpen(t, d)
	prometheus := peer.StartPrometheusWith(t, peer.WithTargets(d.web),
		peer.WithScrapeSettings("scrape_interval: 3s\nscrape_timeout: 3s")) // a busy machine may take a second for anything
	prometheus.WaitUp(patience)
	wantData(t, prometheus, filepath.Join("..", "dashboards"), withoutData)
	prometheus.Stop()
	d.stop()
	d.wantEmptyLog()
}

// TestNativeDashboardsShowData: likewise of native histograms, which the demo can push.
func TestNativeDashboardsShowData(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	if output, err := exec.Command(executable, "dashboard", "--native-histograms", "--out", dir).CombinedOutput(); err != nil {
		t.Fatalf("making the dashboards: %v\n%s", err, output)
	}
	collector := peer.StartCollector(t)
	prometheus := peer.StartPrometheusWith(t, peer.WithOTLPReceiver())
	d := startDemo(t, launch{rate: 20, env: append(pushTo(collector, "http/protobuf"),
		"OTEL_EXPORTER_OTLP_METRICS_ENDPOINT="+prometheus.OTLPMetricsURL(),
		"OTEL_METRIC_EXPORT_INTERVAL=3000",
		"OTEL_EXPORTER_OTLP_METRICS_DEFAULT_HISTOGRAM_AGGREGATION=base2_exponential_bucket_histogram")})
	keepOpen(t, d)
	wantData(t, prometheus, dir, slices.Concat(withoutData, notPushed))
	d.stop()
	d.wantEmptyLog()
	prometheus.Stop()
}

// keepOpen keeps a connection of each protocol, or there might be none at a scrape.
func keepOpen(t *testing.T, d *demo) {
	t.Helper()
	for _, address := range []string{d.smtp, d.imap, d.jmap, d.pop3} {
		open, err := net.Dial("tcp", address)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { open.Close() })
	}
}

// wantData wants a number of every expression of the dashboards, but of those that have
// one of the texts of without: they have to be PromQL all the same.
func wantData(t *testing.T, prometheus *peer.Prometheus, dir string, without []string) {
	t.Helper()
	waiting := map[string]string{} // what has returned nothing yet: expressions, and where they stand
	for _, dash := range readDashboards(t, dir) {
		filled := fillVariables(t, prometheus, dash, "1m")
		for _, p := range dash.Panels {
			for _, target := range p.Targets {
				waiting[filled.Replace(target.Expr)] = dash.Title + ", " + p.Title
			}
		}
	}
	if len(waiting) < 100 {
		t.Fatalf("there are %d expressions only", len(waiting))
	}
	for _, known := range without {
		found := false
		for expr := range waiting {
			if strings.Contains(expr, known) {
				prometheus.Query(expr)
				delete(waiting, expr)
				found = true
			}
		}
		if !found {
			t.Errorf("no expression has %q", known)
		}
	}
	peer.Eventually(t, 2*patience, func() error {
		for expr := range waiting {
			if slices.ContainsFunc(prometheus.Query(expr), func(s peer.Sample) bool { return s.Histogram == nil && !math.IsNaN(s.Value) }) {
				delete(waiting, expr)
			}
		}
		if len(waiting) == 0 {
			return nil
		}
		var lines []string
		for _, expr := range slices.Sorted(maps.Keys(waiting)) {
			lines = append(lines, waiting[expr]+": "+expr)
		}
		return fmt.Errorf("no data:\n%s", strings.Join(lines, "\n"))
	})
}

var (
	labelValuesOf = regexp.MustCompile(`^label_values\((.*), (\w+)\)$`)
	leftOver      = regexp.MustCompile(`\$\{?[a-z]`)
)

// fillVariables is what Grafana does to the variables of an expression, with all that it
// finds chosen. interval is that of rates.
func fillVariables(t *testing.T, prometheus *peer.Prometheus, dash picture.Dashboard, interval string) *strings.Replacer {
	t.Helper()
	pairs := []string{"$__rate_interval", interval}
	for _, v := range dash.Templating.List {
		if v.Type != "query" {
			continue
		}
		query := strings.NewReplacer(pairs...).Replace(v.Query)
		parts := labelValuesOf.FindStringSubmatch(query)
		if parts == nil || leftOver.MatchString(query) {
			t.Fatalf("%s: the query of %s is %q", dash.Title, v.Name, query)
		}
		var values []string
		peer.Eventually(t, patience, func() error {
			if values = valuesOf(prometheus, parts[1], parts[2], v.Regex); len(values) != 1 {
				return fmt.Errorf("%s: %s can be %q, want one value", dash.Title, v.Name, values)
			}
			return nil
		})
		quoted := strings.ReplaceAll(regexp.QuoteMeta(values[0]), `\`, `\\`) // in PromQL's quotes
		pairs = append(pairs, "${"+v.Name+"}", values[0], "$"+v.Name, "("+quoted+")")
	}
	return strings.NewReplacer(pairs...)
}

// valuesOf are the values of a label of the series that a selector finds, as the variable's
// regular expression cuts them out.
func valuesOf(prometheus *peer.Prometheus, selector, label, cut string) []string {
	pattern := regexp.MustCompile("^(.*)$")
	if cut != "" {
		pattern = regexp.MustCompile(strings.Trim(cut, "/"))
	}
	var values []string
	for _, s := range prometheus.Query(selector) {
		if found := pattern.FindStringSubmatch(s.Labels[label]); found != nil {
			values = append(values, found[1])
		}
	}
	slices.Sort(values)
	return slices.Compact(values)
}
