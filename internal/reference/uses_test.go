package reference_test

import (
	"bytes"
	"os"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/rusmes/otelmail"
	"github.com/rusmes/otelmail/internal/reference"
)

const (
	selfGo        = `package otelmail; var selfUnfollowed = define(catalog.Metric{Name: "telemetry_unfollowed_sessions_total"})`
	dashboardJSON = `{"title": "One", "panels": [
		{"type": "row", "title": "A row"},
		{"title": "Depth", "targets": [{"expr": "sum(${namespace}_queue_size{job=~\"$job\"})"}, {"expr": "${namespace}_queue_size"}]},
		{"title": "Age", "targets": [{"expr": "rate(${namespace}_delivery_total_seconds_bucket[5m])"}]}]}`
	rulesYAML = `groups:
  - rules:
      - {record: "job:a", expr: "sum(rusmes_queue_size)"}
      - {record: "job:b", expr: "avg_over_time(job:a[1h])"}
      - {alert: Deep, expr: "job:b > 1"}
      - {alert: Late, expr: "rusmes_delivery_total_seconds_count > 1"}
      - {alert: Late, expr: "rusmes_queue_size_of_others > 1"}
`
)

// TestUsesOfASeries: panels by what they ask for, alerts by that and by what is recorded.
func TestUsesOfASeries(t *testing.T) {
	tree := fstest.MapFS{"self.go": {Data: []byte(selfGo)}, "dashboards/one.json": {Data: []byte(dashboardJSON)}, "dashboards/overview.json": {Data: []byte(strings.ReplaceAll(dashboardJSON, "One", "All"))},
		"rules/otelmail.rules.yaml": {Data: []byte(rulesYAML)}}
	var b bytes.Buffer
	if err := reference.Series(&b, tree); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{
		"queue_size": "- Since: 0.1.0\n- Panels: [All](../dashboards/overview.json): *Depth*; [One](../dashboards/one.json): *Depth*\n- Alerts: [Deep](runbooks/Deep.md)\n\n",
		"delivery_total_seconds": "- Since: 0.1.0\n- Panels: [All](../dashboards/overview.json): *Age*; [One](../dashboards/one.json): *Age*\n" +
			"- Alerts: [Late](runbooks/Late.md)\n\n",
		"queue_bytes": "- Since: 0.1.0\n\n",
	} {
		_, section, _ := strings.Cut(b.String(), "\n## `rusmes_"+name+"`\n")
		section, _, _ = strings.Cut(section, "\n## ")
		if !strings.Contains(section, want) {
			t.Errorf("%s: %s\nwant %s", name, section, want)
		}
	}
	for file, spoilt := range map[string]string{"dashboards/one.json": "{", "rules/otelmail.rules.yaml": "groups: {"} {
		bad := fstest.MapFS{"self.go": tree["self.go"], "dashboards/one.json": tree["dashboards/one.json"], "rules/otelmail.rules.yaml": tree["rules/otelmail.rules.yaml"]}
		bad[file] = &fstest.MapFile{Data: []byte(spoilt)}
		if err := reference.Series(&b, bad); err == nil || !strings.Contains(err.Error(), file) {
			t.Errorf("%s is %q: %v", file, spoilt, err)
		}
	}
}

// TestEverySeriesIsSinceAVersion of the changelog.
func TestEverySeriesIsSinceAVersion(t *testing.T) {
	changelog, err := os.ReadFile(root + "CHANGELOG.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range otelmail.Catalog() {
		if m.Since == "" || !strings.Contains(string(changelog), "\n## "+m.Since+" - ") {
			t.Errorf("%s is since %q, which CHANGELOG.md does not know", m.Name, m.Since)
		}
	}
}
