// Package picture draws Grafana dashboards, with what Prometheus answers, as SVG.
package picture

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// Dashboard is what is needed of a dashboard's JSON.
type Dashboard struct {
	Name       string `json:"-"` // of its file, without .json
	Title      string
	Templating struct {
		List []struct{ Name, Type, Query, Regex string }
	}
	Panels []Panel
}

// Panel is one picture of a dashboard, or the heading above some.
type Panel struct {
	Title       string
	Type        string // row, stat, table or timeseries
	GridPos     struct{ X, Y, W, H int }
	Targets     []Target
	FieldConfig struct {
		Defaults struct {
			Unit       string
			NoValue    string
			Thresholds struct{ Steps []Threshold }
			Custom     struct{ ThresholdsStyle struct{ Mode string } }
		}
		Overrides []struct{ Matcher struct{ Options any } }
	}
}

// namesZeros reports whether the legend names lines that are 0 all the time.
func (p Panel) namesZeros() bool {
	for _, o := range p.FieldConfig.Overrides {
		if options, ok := o.Matcher.Options.(map[string]any); ok && options["reducer"] == "allIsZero" {
			return false
		}
	}
	return true
}

// Target is a query of a panel.
type Target struct{ Expr, LegendFormat string }

// Threshold is the colour, green, yellow or red, from a value on.
type Threshold struct {
	Value *float64 // nil: whatever the value
	Color string
}

// Read reads the JSON of a dashboard.
func Read(file string) (Dashboard, error) {
	d := Dashboard{Name: strings.TrimSuffix(filepath.Base(file), ".json")}
	text, err := os.ReadFile(file)
	if err == nil {
		err = json.Unmarshal(text, &d)
	}
	if err != nil {
		return d, fmt.Errorf("reading the dashboard %s: %w", file, err)
	}
	return d, nil
}
