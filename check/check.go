// Package check says beforehand what telemetry would do: which settings are in effect and where
// each comes from, whether the receivers of OTLP take what would be pushed, and what else is
// wrong, or legal and seldom what is wanted. A mail server offers it as a command of its own, with
// the options that it gives otelmail.Start:
//
//	report := check.Run(ctx, options...)
//	_, _ = report.WriteTo(os.Stdout)
//	if !report.OK() {
//		os.Exit(1)
//	}
//
// The program otelmail does so with the environment alone: otelmail check. docs/settings.md
// says what is looked at.
package check

import (
	"context"
	"fmt"
	"io"
	"os"
	"slices"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/rusmes/otelmail"
	"github.com/rusmes/otelmail/export"
	"github.com/rusmes/otelmail/internal/checkup"
	"github.com/rusmes/otelmail/internal/settings"
)

// Report is what was found. It holds no secrets.
type Report struct {
	Settings []Setting
	Findings []export.Finding
}

// Setting is one that is in effect.
type Setting struct {
	Name   string // its variable, or its option where there is none
	Value  string // as the variable would have it; "…" stands for a secret
	Source string // "default", or "option", "variable" or "file" with a name
}

// defaultTimeout is long enough for a receiver on the other side of the world.
const defaultTimeout = 5 * time.Second

// Run checks what otelmail.Start would do with these options and the environment of the
// process. Nothing is started, installed or recorded. Variables are judged strictly, and as if
// OTEL_SDK_DISABLED were false; addresses are listened on for an instant; receivers of OTLP get
// one empty request for each signal; no file is written. It returns when ctx ends at the
// latest, or a little later. Default, where ctx has no deadline: 5 s.
func Run(ctx context.Context, opts ...otelmail.StartOption) Report {
	if _, bounded := ctx.Deadline(); !bounded {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, defaultTimeout)
		defer cancel()
	}
	found := checkup.New()
	tel, err := otelmail.Start(checkup.With(ctx, found), opts...)
	if err == nil {
		err = tel.Shutdown(context.WithoutCancel(ctx)) // it has nothing to wait for
	}
	found.Wrong(err)
	found.Found(unread(found)...)
	r := Report{Findings: found.Findings()}
	for _, row := range found.Rows() {
		r.Settings = append(r.Settings, Setting{row.Name, row.Value, row.Source})
	}
	return r
}

// unread warns of variables that look like settings.
func unread(found *checkup.Checkup) (findings []export.Finding) {
	for _, variable := range os.Environ() {
		name, value, _ := strings.Cut(variable, "=")
		if settings.Ours(name) && value != "" && !found.Asked(name) {
			findings = append(findings, export.Finding{Level: export.Unwise, Text: name + " is not read: no setting has this name, or another wins over it"})
		}
	}
	slices.SortFunc(findings, func(a, b export.Finding) int { return strings.Compare(a.Text, b.Text) })
	return findings
}

// OK reports whether nothing is wrong. What is unwise is not wrong.
func (r Report) OK() bool { return r.count(export.Wrong) == 0 }

func (r Report) count(level export.Level) (n int) {
	for _, f := range r.Findings {
		if f.Level == level {
			n++
		}
	}
	return n
}

// WriteTo implements [io.WriterTo]: a table of the settings, a line for each finding, and how
// many are wrong.
func (r Report) WriteTo(w io.Writer) (int64, error) {
	var b strings.Builder
	table := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
	for _, s := range r.Settings {
		fmt.Fprintf(table, "%s\t%s\t%s\n", printable(s.Name), printable(s.Value), printable(s.Source))
	}
	_ = table.Flush() // into memory
	b.WriteString("\n")
	for _, f := range r.Findings {
		fmt.Fprintf(&b, "%-9s%s\n", f.Level.String()+":", printable(f.Text))
	}
	switch wrong, unwise := r.count(export.Wrong), r.count(export.Unwise); {
	case wrong > 0:
		fmt.Fprintf(&b, "\nWrong: %d. Warnings: %d.\n", wrong, unwise)
	default:
		fmt.Fprintf(&b, "\nNothing is wrong. Warnings: %d.\n", unwise)
	}
	n, err := io.WriteString(w, b.String())
	if err != nil {
		err = fmt.Errorf("print the report: %w", err)
	}
	return int64(n), err
}

// printable keeps what stands in a variable, or what a stranger has answered, to its line and
// away from the terminal's cursor.
func printable(text string) string {
	return strings.Map(func(r rune) rune {
		if !strconv.IsPrint(r) {
			return '\uFFFD'
		}
		return r
	}, text)
}
