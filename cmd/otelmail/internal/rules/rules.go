// Package rules writes the rules that watch over mail servers: recordings of what a service
// level is measured by, and alerts. It is what `otelmail rules` prints.
package rules

import (
	"fmt"
	"io"
	"strconv"

	"go.yaml.in/yaml/v3"

	"github.com/rusmes/otelmail/cmd/otelmail/internal/docs"
	"github.com/rusmes/otelmail/cmd/otelmail/internal/series"
)

//go:generate go run ../.. rules --out ../../../../rules/otelmail.rules.yaml

// The severities: who is woken, and what can wait for the morning. The dead man's switch is
// neither: it always fires, and what is heard is its silence.
const (
	page   = "page"
	ticket = "ticket"
	none   = "none"
)

type file struct {
	Groups []group `yaml:"groups"`
}

type group struct {
	Name     string `yaml:"name"`
	Interval string `yaml:"interval,omitempty"`
	Rules    []rule `yaml:"rules"`
}

// rule is a recording or an alert.
type rule struct {
	Record      string            `yaml:"record,omitempty"`
	Alert       string            `yaml:"alert,omitempty"`
	Expr        string            `yaml:"expr"`
	For         string            `yaml:"for,omitempty"`
	Labels      map[string]string `yaml:"labels,omitempty"`
	Annotations *annotations      `yaml:"annotations,omitempty"`
}

type annotations struct {
	Summary     string `yaml:"summary"`
	Description string `yaml:"description"`
	RunbookURL  string `yaml:"runbook_url"`
}

// alert makes one that fires once expr has held for as long as wait.
func alert(name, severity, wait, expr, summary, description string) rule {
	return rule{
		Alert: name, Expr: expr, For: wait, Labels: map[string]string{"severity": severity},
		Annotations: &annotations{Summary: summary, Description: description, RunbookURL: docs.Runbook(name)},
	}
}

// Write writes the rules.
func Write(w io.Writer, c Config) error {
	if _, err := fmt.Fprint(w, "# Written by `otelmail rules`. Do not edit: write it again, with other flags.\n"); err != nil {
		return err
	}
	encoder := yaml.NewEncoder(w)
	encoder.SetIndent(2)
	if err := encoder.Encode(c.file()); err != nil {
		return err
	}
	return encoder.Close()
}

func (c Config) file() file {
	q := query{scope: series.Scope{Namespace: c.Namespace}, job: c.Job}
	if c.Job != "" {
		q.scope.Matchers = "job=" + strconv.Quote(c.Job)
	}
	short, long, burns := q.serviceLevels(c.SLO)
	name := func(part string) string { return c.Namespace + "-" + part }
	return file{Groups: []group{
		{Name: name("sli"), Rules: short},
		// Windows of days over many series cost something, and move slowly.
		{Name: name("sli-slow"), Interval: "2m", Rules: long},
		{Name: name("slo"), Rules: burns},
		{Name: name("mail"), Rules: q.mail()},
		{Name: name("security"), Rules: q.security()},
		{Name: name("host"), Rules: q.host()},
		{Name: name("telemetry"), Rules: q.telemetry()},
	}}
}
