package dashboards_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/grafana/grafana-foundation-sdk/go/cog"
	"github.com/grafana/grafana-foundation-sdk/go/dashboard"
	"github.com/grafana/grafana-foundation-sdk/go/prometheus"
	"github.com/grafana/grafana-foundation-sdk/go/stat"
	"github.com/grafana/grafana-foundation-sdk/go/table"
	"github.com/grafana/grafana-foundation-sdk/go/timeseries"

	"github.com/rusmes/otelmail"
	"github.com/rusmes/otelmail/catalog"
	"github.com/rusmes/otelmail/cmd/otelmail/internal/dashboards"
)

type model = dashboard.Dashboard //nolint:staticcheck // as in the package

// committed is where the dashboards stand for the defaults.
const committed = "../../../../dashboards"

// text is the JSON of a dashboard.
func text(t *testing.T, name string, c dashboards.Config) []byte {
	t.Helper()
	made, err := dashboards.JSON(name, c)
	if err != nil {
		t.Fatal(err)
	}
	return made
}

// read holds a dashboard against the types of Grafana's own, strictly.
func read(t *testing.T, name string, c dashboards.Config) model {
	t.Helper()
	known := cog.NewRuntime()
	known.RegisterPanelcfgVariant(stat.VariantConfig())
	known.RegisterPanelcfgVariant(table.VariantConfig())
	known.RegisterPanelcfgVariant(timeseries.VariantConfig())
	known.RegisterDataqueryVariant(prometheus.VariantConfig())
	made := text(t, name, c)
	if err := strictly(made); err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	var d model
	if err := json.Unmarshal(made, &d); err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	if err := d.Validate(); err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	return d
}

// strictly is what Grafana's own types do not know or miss in a dashboard. The strict
// reader's error is never nil, but empty where nothing is wrong, and it then leaves the
// panels out: it checks, and reads nothing.
func strictly(text []byte) error {
	var wrong cog.BuildErrors
	if err := new(model).UnmarshalJSONStrict(text); !errors.As(err, &wrong) || len(wrong) > 0 {
		return err
	}
	return nil
}

func TestStrictly(t *testing.T) {
	good := string(text(t, "smtp", dashboards.Default()))
	for name, bad := range map[string]string{
		"unknown in a dashboard": strings.Replace(good, `"schemaVersion"`, `"schemeVersion"`, 1),
		"unknown in a panel":     strings.Replace(good, `"gridPos"`, `"gridPlace"`, 3),
		"unknown in a query":     strings.Replace(good, `"legendFormat"`, `"legend"`, 1),
		"unknown in options":     strings.Replace(good, `"tooltip": {`, `"tooltips": {`, 2),
		"a type":                 strings.Replace(good, `"expr": "`, `"expr": 5, "refId": "`, 1),
	} {
		if bad == good || strictly([]byte(bad)) == nil {
			t.Errorf("%s: not seen", name)
		}
	}
}

// panels are those of a dashboard, without headings.
func panels(d model) []dashboard.Panel {
	var all []dashboard.Panel
	for _, p := range d.Panels {
		if p.Panel != nil {
			all = append(all, *p.Panel)
		}
	}
	return all
}

// expressions are those of every panel.
func expressions(t *testing.T, c dashboards.Config) []string {
	t.Helper()
	var all []string
	for _, name := range dashboards.Names() {
		for _, p := range panels(read(t, name, c)) {
			for _, target := range p.Targets {
				all = append(all, expr(t, target))
			}
		}
	}
	return all
}

func expr(t *testing.T, target any) string {
	t.Helper()
	switch q := target.(type) {
	case prometheus.Dataquery:
		return q.Expr
	case *prometheus.Dataquery:
		return q.Expr
	}
	t.Fatalf("a target is a %T", target)
	return ""
}

// TestCommitted: the committed dashboards are those of the defaults.
func TestCommitted(t *testing.T) {
	var want []string
	for _, name := range dashboards.Names() {
		want = append(want, name+".json")
		got, err := os.ReadFile(filepath.Join(committed, name+".json"))
		if err != nil {
			t.Error(err)
			continue
		}
		if !bytes.Equal(got, text(t, name, dashboards.Default())) {
			t.Errorf("%s.json is out of date: go generate", name)
		}
	}
	files, err := filepath.Glob(filepath.Join(committed, "*"))
	if err != nil || len(files) != len(want) {
		t.Errorf("%s has %v (%v), want %v", committed, files, err, want)
	}
}

func TestPanels(t *testing.T) {
	uids := map[string]string{}
	for _, name := range dashboards.Names() {
		d := read(t, name, dashboards.Default())
		if d.Uid == nil || len(*d.Uid) < 8 || len(*d.Uid) > 40 || uids[*d.Uid] != "" {
			t.Errorf("%s: its uid is %v: want one of its own, of 8 to 40 characters", name, d.Uid)
			continue
		}
		uids[*d.Uid] = name
		if d.Id != nil {
			t.Errorf("%s has the id %d: it would replace another", name, *d.Id)
		}
		ids := map[uint32]bool{}
		for _, row := range d.Panels {
			id := uint32(0)
			if row.RowPanel != nil {
				id = row.RowPanel.Id
			} else if row.Panel.Id != nil {
				id = *row.Panel.Id
			}
			if id == 0 || ids[id] {
				t.Errorf("%s: the id %d is there twice, or none", name, id)
			}
			ids[id] = true
		}
		titles := map[string]bool{}
		for _, p := range panels(d) {
			wantWhole(t, name, p)
			if titles[*p.Title] {
				t.Errorf("%s has two panels %q", name, *p.Title)
			}
			titles[*p.Title] = true
		}
		wantApart(t, name, d)
	}
}

// wantWhole wants what no panel may lack.
func wantWhole(t *testing.T, name string, p dashboard.Panel) {
	t.Helper()
	if p.Title == nil || *p.Title == "" {
		t.Errorf("%s: a panel without a title: %v", name, p.Id)
		return
	}
	if p.Description == nil || len(*p.Description) < 20 || strings.HasPrefix(*p.Description, ".") {
		t.Errorf("%s: %q has no description", name, *p.Title)
	}
	if p.FieldConfig == nil || p.FieldConfig.Defaults.Unit == nil || *p.FieldConfig.Defaults.Unit == "" {
		t.Errorf("%s: %q has no unit", name, *p.Title)
	}
	if p.FieldConfig == nil || p.FieldConfig.Defaults.Thresholds == nil || len(p.FieldConfig.Defaults.Thresholds.Steps) == 0 {
		t.Errorf("%s: %q has no thresholds", name, *p.Title)
	} else {
		wantRising(t, name, p)
	}
	if len(p.Targets) == 0 || len(p.Links) == 0 {
		t.Errorf("%s: %q has %d targets and %d links", name, *p.Title, len(p.Targets), len(p.Links))
	}
	if p.Datasource == nil || *p.Datasource.Uid != "${datasource}" {
		t.Errorf("%s: %q does not ask the chosen data source", name, *p.Title)
	}
}

// wantRising wants the steps in the order that Grafana takes them in.
func wantRising(t *testing.T, name string, p dashboard.Panel) {
	t.Helper()
	steps := p.FieldConfig.Defaults.Thresholds.Steps
	for i, step := range steps {
		if (step.Value == nil) != (i == 0) || i > 1 && *step.Value <= *steps[i-1].Value {
			t.Errorf("%s: %q: step %d is out of order", name, *p.Title, i)
		}
	}
}

// wantApart wants no panel on another, and none beyond the grid.
func wantApart(t *testing.T, name string, d model) {
	t.Helper()
	taken := map[[2]uint32]bool{}
	for _, p := range d.Panels {
		at := gridPos(p)
		if at.W == 0 || at.H == 0 || at.X+at.W > 24 {
			t.Errorf("%s: a panel of %+v", name, at)
		}
		for x := at.X; x < at.X+at.W; x++ {
			for y := at.Y; y < at.Y+at.H; y++ {
				if taken[[2]uint32{x, y}] {
					t.Fatalf("%s: two panels at %d, %d", name, x, y)
				}
				taken[[2]uint32{x, y}] = true
			}
		}
	}
}

func gridPos(p dashboard.PanelOrRowPanel) dashboard.GridPos {
	if p.RowPanel != nil {
		return *p.RowPanel.GridPos
	}
	return *p.Panel.GridPos
}

// parts are the names under which a series stands in Prometheus.
func parts(m catalog.Metric) string {
	if m.Kind == catalog.Histogram {
		return "(?:_bucket|_count|_sum)?"
	}
	return ""
}

func TestEverySeriesIsShown(t *testing.T) {
	for _, native := range []bool{false, true} {
		c := dashboards.Default()
		c.NativeHistograms = native
		all := strings.Join(expressions(t, c), "\n")
		for _, m := range otelmail.Catalog() {
			if !regexp.MustCompile(`\$\{namespace\}_` + m.Name + parts(m) + `\{`).MatchString(all) {
				t.Errorf("no panel shows %s", m.Name)
			}
		}
		if native && strings.Contains(all, "_bucket") {
			t.Error("a panel asks for the buckets of a classic histogram")
		}
	}
}

// TestRates: what only rises is shown as a rate or an increase, of each server on its own;
// nothing is taken from a counter.
func TestRates(t *testing.T) {
	for _, native := range []bool{false, true} {
		c := dashboards.Default()
		c.NativeHistograms = native
		for _, e := range expressions(t, c) {
			for _, m := range otelmail.Catalog() {
				if m.Kind == catalog.Gauge || !strings.Contains(e, m.Name) {
					continue
				}
				name := `\$\{namespace\}_` + m.Name + parts(m) + `\{`
				all := len(regexp.MustCompile(name).FindAllString(e, -1))
				rates := len(regexp.MustCompile(`(?:rate|increase)\(`+name+`[^}]*\}\[`).FindAllString(e, -1))
				// What was not there a window ago has risen by all that it is.
				appeared := len(regexp.MustCompile(`\(`+name+`[^}]*\} unless `+name+`[^}]*\} offset 1h\n`).FindAllString(e, -1))
				if all != rates+2*appeared {
					t.Errorf("%s is not a rate in %s", m.Name, e)
				}
				if all > 0 && strings.Contains(e, " - ") {
					t.Errorf("something is taken from a counter in %s", e)
				}
			}
		}
	}
}

// TestExemplars: every graph of quantiles asks for them, and leads to the traces; on another
// axis than the histogram's own they would stand anywhere.
func TestExemplars(t *testing.T) {
	n := 0
	for _, name := range dashboards.Names() {
		for _, p := range panels(read(t, name, dashboards.Default())) {
			for _, target := range p.Targets {
				q, ok := target.(prometheus.Dataquery)
				if !ok {
					q = *target.(*prometheus.Dataquery)
				}
				if p.Type != "timeseries" || !strings.HasPrefix(q.Expr, "histogram_quantile(") {
					if q.Exemplar != nil && *q.Exemplar {
						t.Errorf("%s: %q has exemplars", name, *p.Title)
					}
					continue
				}
				n++
				links := p.FieldConfig.Defaults.Links
				if q.Exemplar == nil || !*q.Exemplar || len(links) != 1 ||
					!strings.Contains(*links[0].Url, "%22datasource%22%3A%22${traces}%22") || !strings.Contains(*links[0].Url, "${__from}") {
					t.Errorf("%s: %q has no exemplars, or no way to the traces", name, *p.Title)
				}
			}
		}
	}
	if n == 0 {
		t.Error("no graph shows a histogram")
	}
}

// TestLegends: a graph of many lines names those that are not 0, and one of few names all.
func TestLegends(t *testing.T) {
	zeros := dashboard.MatcherConfig{Id: "byValue", Options: map[string]any{"reducer": "allIsZero", "op": "gte", "value": 0.0}}
	left := map[string]bool{
		"Message authentication": true, "Panics, by component": true, "Limits that took hold": true,
		"Logins, by result": false, "AUTH over SMTP": false, "Certificates expire in, by listener": false,
	}
	for _, p := range panels(read(t, "security", dashboards.Default())) {
		want, ok := left[*p.Title]
		delete(left, *p.Title)
		hides := slices.ContainsFunc(p.FieldConfig.Overrides, func(o dashboard.DashboardFieldConfigSourceOverrides) bool {
			return reflect.DeepEqual(o.Matcher, zeros) && len(o.Properties) == 1 && o.Properties[0].Id == "custom.hideFrom" &&
				reflect.DeepEqual(o.Properties[0].Value, map[string]any{"legend": true, "tooltip": true, "viz": false})
		})
		if ok && hides != want {
			t.Errorf("%q: the legend leaves out what is 0: %v, want %v", *p.Title, hides, want)
		}
	}
	if len(left) > 0 {
		t.Errorf("no panels %v", left)
	}
}

// TestLinks: what panels lead to is there.
func TestLinks(t *testing.T) {
	docs := filepath.Join(committed, "..", "docs")
	reference, err := os.ReadFile(filepath.Join(docs, "series.md"))
	if err != nil {
		t.Fatal(err)
	}
	const base = "https://github.com/rusmes/otelmail/blob/main/docs/"
	for _, name := range dashboards.Names() {
		for _, p := range panels(read(t, name, dashboards.Default())) {
			for _, link := range p.Links {
				page, ok := strings.CutPrefix(*link.Url, base)
				file, anchor, _ := strings.Cut(page, "#")
				switch {
				case !ok:
					t.Errorf("%s: %q leads to %s", name, *p.Title, *link.Url)
				case anchor != "" && !bytes.Contains(reference, []byte("\n## `"+anchor+"`\n")):
					t.Errorf("%s: %q leads to %s, which is not there", name, *p.Title, page)
				default:
					if _, err := os.Stat(filepath.Join(docs, file)); err != nil {
						t.Errorf("%s: %q: %v", name, *p.Title, err)
					}
				}
			}
		}
	}
}

// TestNoSeriesIsTyped: series are named in Go.
func TestNoSeriesIsTyped(t *testing.T) {
	files, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		if strings.HasSuffix(file, "_test.go") {
			continue
		}
		parsed, err := parser.ParseFile(token.NewFileSet(), file, nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		ast.Inspect(parsed, func(n ast.Node) bool {
			literal, ok := n.(*ast.BasicLit)
			if !ok || literal.Kind != token.STRING {
				return true
			}
			value, _ := strconv.Unquote(literal.Value)
			if slices.ContainsFunc(otelmail.Catalog(), func(m catalog.Metric) bool { return strings.Contains(value, m.Name) }) {
				t.Errorf("%s: %s has the name of a series", file, literal.Value)
			}
			return true
		})
	}
}
