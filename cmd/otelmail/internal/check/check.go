// Package check judges the settings of an environment as a mail server would that reads them
// strictly, and opens, writes and sends nothing.
package check

import (
	"context"
	"slices"
	"strings"
	"sync"

	"github.com/rusmes/otelmail"
	"github.com/rusmes/otelmail/export"
	"github.com/rusmes/otelmail/exporters/otlp"
	"github.com/rusmes/otelmail/exporters/prometheus"
)

// Findings are what was found, a line each.
type Findings struct {
	Wrong  []string // the setting, its value and what is allowed
	Unread []string // names of variables like ours that no setting has, or that another wins over
}

// Environment judges variables, each given as NAME=value.
func Environment(ctx context.Context, variables []string) Findings {
	j := &judge{env: map[string]string{}, asked: map[string]bool{}}
	for _, v := range variables {
		name, value, _ := strings.Cut(v, "=")
		j.env[name] = value
	}
	tel, err := otelmail.Start(ctx, otelmail.WithoutGlobals(), otelmail.WithLookupEnv(j.lookup),
		otelmail.WithErrorHandler(j.found), otelmail.WithExporter(export.Func(j.open)))
	if err != nil {
		j.found(err)
	}
	if err := tel.Shutdown(ctx); err != nil {
		j.found(err)
	}
	j.files()
	return Findings{Wrong: j.wrong, Unread: j.unread()}
}

type judge struct {
	env map[string]string

	mu    sync.Mutex
	asked map[string]bool
	wrong []string
}

// lookup is the environment of Start, as one that is strict and not disabled: what is wrong
// is to be known before the switch is turned back.
func (j *judge) lookup(name string) (string, bool) {
	j.mu.Lock()
	j.asked[name] = true
	j.mu.Unlock()
	value, set := j.env[name]
	switch name {
	case "RUSMES_STRICT_SETTINGS":
		if isFlag(value) {
			return "true", true
		}
	case "OTEL_SDK_DISABLED":
		if isFlag(value) {
			return "false", true
		}
	case logOutput: // Start would make the file
		return "", false
	}
	return value, set
}

// isFlag reports whether value is right for a setting that is true or false, or unset.
func isFlag(value string) bool {
	return slices.Contains([]string{"", "true", "false"}, strings.ToLower(strings.TrimSpace(value)))
}

// open has both exporters read their settings.
func (j *judge) open(ctx context.Context, p export.Pipeline) error {
	for _, exporter := range []export.Exporter{prometheus.NewServer(), otlp.NewPusher()} {
		if err := exporter.Open(ctx, dry{p}); err != nil {
			j.found(err)
		}
	}
	return nil
}

// dry is a pipeline in which nothing is listened on and nothing pushed, and every setting
// is read strictly.
type dry struct{ export.Pipeline }

func (dry) Disabled() bool       { return true }
func (dry) StrictSettings() bool { return true }

func (d dry) LookupEnv(name string) (string, bool) {
	value, set := d.Pipeline.LookupEnv(name)
	if name == "RUSMES_METRICS_ENABLED" && isFlag(value) {
		return "false", true // else it would listen
	}
	return value, set
}

// found takes the lines of an error, without who said them.
func (j *judge) found(err error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	for line := range strings.SplitSeq(err.Error(), "\n") {
		for _, prefix := range []string{"otelmail: start: ", "prometheus: ", "otlp: "} {
			line = strings.TrimPrefix(line, prefix)
		}
		if !slices.Contains(j.wrong, line) {
			j.wrong = append(j.wrong, line)
		}
	}
}

func (j *judge) unread() (names []string) {
	for name, value := range j.env {
		ours := strings.HasPrefix(name, "OTEL_") || strings.HasPrefix(name, "RUSMES_")
		if ours && !j.asked[name] && value != "" {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}
