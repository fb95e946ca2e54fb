// Package dashboards makes Grafana dashboards of the Catalog, in the JSON model that
// Grafana 10 and later import.
package dashboards

import (
	"bytes"
	"encoding/json"
	"fmt"

	"github.com/grafana/grafana-foundation-sdk/go/dashboard"

	"github.com/rusmes/otelmail/cmd/otelmail/internal/series"
)

// model is a dashboard in the form that Grafana 10 reads, and every one since.
type model = dashboard.Dashboard //nolint:staticcheck // the form that replaces it is of Grafana 12

// page is one dashboard.
type page struct {
	name  string // of its file, and the end of its uid
	title string
	says  string
	rows  func(q queries) []row
}

var pages = []page{
	{"overview", "Mail: overview", "Does mail flow, is it late, is it refused and by whose fault. Begin here.", overview},
	{"smtp", "Mail: SMTP", "Mail that comes in: connections, messages, refusals and their reasons, commands.", smtp},
	{"imap-jmap-pop3", "Mail: IMAP, JMAP and POP3", "What users do with their mail: logins, commands, errors, Web Push.", clients},
	{"queue-and-delivery", "Mail: queue and delivery", "What waits, how late it is, what becomes of it, and why other servers do not take it.", queue},
	{"security", "Mail: security and abuse", "Accounts, abuse, TLS, certificates, and what others think of our addresses.", security},
	{"storage", "Mail: storage", "What is stored, the disks, and how fast the mail store answers.", storage},
	{"telemetry", "Mail: telemetry", "Whether the other dashboards can be believed: health, push, scrape, process.", telemetry},
}

// Names are the names of the dashboards.
func Names() []string {
	var names []string
	for _, p := range pages {
		names = append(names, p.name)
	}
	return names
}

// JSON is the dashboard of that name, which is one of [Names].
func JSON(name string, c Config) ([]byte, error) {
	for _, p := range pages {
		if p.name == name {
			made, err := p.build(c)
			if err != nil {
				return nil, fmt.Errorf("make the dashboard %s: %w", name, err)
			}
			return marshal(made)
		}
	}
	return nil, fmt.Errorf("%q is not a dashboard: want %s", name, allowedNames())
}

// marshal indents, sorts keys, and leaves < and > in expressions readable.
func marshal(d *model) ([]byte, error) {
	compact, err := json.Marshal(d)
	if err != nil {
		return nil, fmt.Errorf("write the dashboard as JSON: %w", err)
	}
	var plain any
	if err := json.Unmarshal(compact, &plain); err != nil {
		return nil, fmt.Errorf("read the dashboard's JSON: %w", err)
	}
	var text bytes.Buffer
	encoder := json.NewEncoder(&text)
	encoder.SetEscapeHTML(false)
	encoder.SetIndent("", "  ")
	if err := encoder.Encode(plain); err != nil {
		return nil, fmt.Errorf("write the dashboard as JSON: %w", err)
	}
	return text.Bytes(), nil
}

// schema is that of Grafana 10.0: later ones bring it up to date, and none brings it down.
const schema = 38

// tag is what all of the dashboards have, and are found by.
const tag = "otelmail"

// build is the dashboard as Grafana reads it.
func (p page) build(c Config) (*model, error) {
	d := dashboard.NewDashboard()
	d.SchemaVersion = schema
	d.Uid, d.Title, d.Description = ptr("otelmail-"+p.name), &p.title, &p.says
	d.Tags = []string{tag, "mail"}
	d.Time = &dashboard.DashboardDashboardTime{From: "now-6h", To: "now"}
	d.Refresh = ptr("1m")
	d.GraphTooltip = ptr(dashboard.DashboardCursorSyncCrosshair)
	var err error
	if d.Templating.List, err = variables(c); err != nil {
		return nil, err
	}
	d.Links = []dashboard.DashboardLink{{
		Title: "Mail", Type: dashboard.DashboardLinkTypeDashboards, Tags: []string{tag}, AsDropdown: true, IncludeVars: true, KeepTime: true,
	}}
	d.Panels, err = place(p.rows(queries{
		scope:  series.Scope{Namespace: "${" + namespaceVariable + "}", Matchers: matchers},
		native: c.NativeHistograms,
	}))
	return d, err
}

// gridWidth is the width of Grafana's grid.
const gridWidth = 24

// place lays the panels out, as many beside each other as their widths allow; those of a
// line share its whole width.
func place(rows []row) ([]dashboard.PanelOrRowPanel, error) {
	var all []dashboard.PanelOrRowPanel
	var id, y uint32
	for _, r := range rows {
		id++
		all = append(all, dashboard.PanelOrRowPanel{RowPanel: &dashboard.RowPanel{
			Type: "row", Id: id, Title: &r.title, Panels: []dashboard.Panel{},
			GridPos: &dashboard.GridPos{W: gridWidth, H: 1, Y: y},
		}})
		y++
		for rest := r.panels; len(rest) > 0; {
			line, height := nextLine(rest)
			for i, p := range rest[:line] {
				id++
				width := gridWidth / uint32(line)
				built, err := p.build(id, dashboard.GridPos{X: uint32(i) * width, Y: y, W: width, H: height})
				if err != nil {
					return nil, fmt.Errorf("make the panel %q: %w", p.title, err)
				}
				all = append(all, dashboard.PanelOrRowPanel{Panel: &built})
			}
			y += height
			rest = rest[line:]
		}
	}
	return all, nil
}

// nextLine is how many of the panels stand beside each other, and the height of the highest.
func nextLine(panels []panel) (n int, height uint32) {
	var x uint32
	for _, p := range panels {
		w, h := p.size()
		if x+w > gridWidth {
			break
		}
		x += w
		n++
		height = max(height, h)
	}
	return n, height
}

func ptr[T any](v T) *T { return &v }
