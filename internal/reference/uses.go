package reference

import (
	"encoding/json"
	"fmt"
	"io/fs"
	"path"
	"regexp"
	"slices"
	"strings"

	"go.yaml.in/yaml/v2"

	"github.com/rusmes/otelmail/catalog"
	"github.com/rusmes/otelmail/internal/settings"
)

// uses are the panels and the alerts that ask for a series: the committed ones, which are
// made of the Catalog, too, but by another module.
type uses struct {
	dashboards []dashboard
	alerts     []alert
}

type dashboard struct {
	file   string
	title  string
	panels []panel
}

type panel struct {
	title string
	asks  map[string]bool // names in its expressions
}

type alert struct {
	name string
	asks map[string]bool // names in its expression, and in those of what is recorded for it
}

func readUses(root fs.FS) (*uses, error) {
	u := &uses{}
	if err := u.readDashboards(root); err != nil {
		return nil, err
	}
	return u, u.readRules(root)
}

func (u *uses) readDashboards(root fs.FS) error {
	files, err := fs.Glob(root, "dashboards/*.json")
	if err != nil {
		return fmt.Errorf("list the dashboards: %w", err)
	}
	for _, file := range files {
		text, err := fs.ReadFile(root, file)
		if err != nil {
			return fmt.Errorf("read a dashboard: %w", err)
		}
		var model struct {
			Title  string
			Panels []struct {
				Title   string
				Targets []struct{ Expr string }
			}
		}
		if err := json.Unmarshal(text, &model); err != nil {
			return fmt.Errorf("read %s: %w", file, err)
		}
		d := dashboard{file: file, title: model.Title}
		for _, p := range model.Panels {
			asks := map[string]bool{}
			for _, target := range p.Targets {
				addNames(asks, strings.ReplaceAll(target.Expr, "${namespace}", settings.Namespace))
			}
			d.panels = append(d.panels, panel{p.Title, asks})
		}
		u.dashboards = append(u.dashboards, d)
	}
	// The page of all is the one to begin with.
	slices.SortStableFunc(u.dashboards, func(a, b dashboard) int { return isOverview(b) - isOverview(a) })
	return nil
}

func isOverview(d dashboard) int {
	if path.Base(d.file) == "overview.json" {
		return 1
	}
	return 0
}

func (u *uses) readRules(root fs.FS) error {
	const file = "rules/otelmail.rules.yaml"
	text, err := fs.ReadFile(root, file)
	if err != nil {
		return fmt.Errorf("read the rules: %w", err)
	}
	var rules struct {
		Groups []struct {
			Rules []struct{ Record, Alert, Expr string }
		}
	}
	if err := yaml.Unmarshal(text, &rules); err != nil {
		return fmt.Errorf("read %s: %w", file, err)
	}
	recorded := map[string]map[string]bool{}
	for _, g := range rules.Groups {
		for _, r := range g.Rules {
			if r.Record != "" {
				recorded[r.Record] = map[string]bool{}
				addNames(recorded[r.Record], r.Expr)
			}
		}
	}
	for _, g := range rules.Groups {
		for _, r := range g.Rules {
			if r.Alert == "" {
				continue
			}
			asks := map[string]bool{}
			addNames(asks, r.Expr)
			addRecorded(asks, recorded)
			i := slices.IndexFunc(u.alerts, func(a alert) bool { return a.name == r.Alert })
			if i < 0 {
				u.alerts = append(u.alerts, alert{r.Alert, asks})
				continue
			}
			for name := range asks { // an alert in several degrees
				u.alerts[i].asks[name] = true
			}
		}
	}
	return nil
}

var nameInQuery = regexp.MustCompile(`[A-Za-z_:][A-Za-z0-9_:]*`)

func addNames(to map[string]bool, expr string) {
	for _, name := range nameInQuery.FindAllString(expr, -1) {
		to[name] = true
	}
}

// addRecorded adds what the recordings among the names ask for, and the recordings behind
// those.
func addRecorded(asks map[string]bool, recorded map[string]map[string]bool) {
	for before := 0; before != len(asks); {
		before = len(asks)
		for name, behind := range recorded {
			if asks[name] {
				for one := range behind {
					asks[one] = true
				}
			}
		}
	}
}

// asksFor says whether a series, or a part of a histogram, is among names.
func asksFor(names map[string]bool, m catalog.Metric) bool {
	full := m.FullName(settings.Namespace)
	return names[full] || names[full+"_bucket"] || names[full+"_count"] || names[full+"_sum"]
}

// panels are links to the dashboards that show a series, with their panels.
func (u *uses) panels(m catalog.Metric) string {
	var all []string
	for _, d := range u.dashboards {
		var titles []string
		for _, p := range d.panels {
			if asksFor(p.asks, m) && !slices.Contains(titles, p.title) {
				titles = append(titles, p.title)
			}
		}
		if titles != nil {
			all = append(all, fmt.Sprintf("[%s](../%s): *%s*", d.title, d.file, strings.Join(titles, "*, *")))
		}
	}
	return strings.Join(all, "; ")
}

// alertsOn are links to the runbooks of the alerts that watch a series.
func (u *uses) alertsOn(m catalog.Metric) string {
	var all []string
	for _, a := range u.alerts {
		if asksFor(a.asks, m) {
			all = append(all, fmt.Sprintf("[%s](runbooks/%[1]s.md)", a.name))
		}
	}
	return strings.Join(all, ", ")
}
