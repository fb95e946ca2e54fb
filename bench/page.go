package main

import (
	"bytes"
	_ "embed"
	"fmt"
	"text/template"
)

//go:embed page.md.tmpl
var pageText string

var pageTemplate = template.Must(template.New(pageName).Funcs(template.FuncMap{
	"table":    table,
	"bytes":    func(n any) string { return Bytes.format(number(n)) },
	"time":     func(n any) string { return Nanoseconds.format(number(n)) },
	"thousand": thousand,
}).Parse(pageText))

// page writes docs/performance.md.
func (r Results) page() ([]byte, error) {
	var b bytes.Buffer
	if err := pageTemplate.Execute(&b, r); err != nil {
		return nil, fmt.Errorf("write the page: %w", err)
	}
	return b.Bytes(), nil
}

// At returns what was measured of ours at n domains, else at the next larger number, else
// at the largest.
func (g Growth) At(n int) Exposed {
	for _, e := range g.Ours {
		if e.Domains >= n {
			return e
		}
	}
	if len(g.Ours) == 0 {
		return Exposed{}
	}
	return g.Ours[len(g.Ours)-1]
}

// Missed returns how many of the rows with a goal do not reach it.
func (r Results) Missed() (missed int) {
	for _, row := range r.Rows {
		if row.Goal != (Goal{}) && !row.reached() {
			missed++
		}
	}
	return missed
}

// WithGoal returns how many rows have a goal.
func (r Results) WithGoal() (n int) {
	for _, row := range r.Rows {
		if row.Goal != (Goal{}) {
			n++
		}
	}
	return n
}

// Kept returns the share of an unwrapped server's throughput that a wrapped one
// keeps, in per cent, as the median over all numbers of sessions.
func (g Growth) Kept() string {
	var shares []float64
	for _, ours := range g.Rates {
		for _, bare := range g.Rates {
			if ours.Mode != Unwrapped && bare.Mode == Unwrapped && ours.Procs == bare.Procs && ours.Sessions == bare.Sessions {
				shares = append(shares, 100*ours.Rate/bare.Rate)
			}
		}
	}
	return fmt.Sprintf("%.0f", median(shares))
}

func thousand(n int) string {
	if n < 1000 {
		return fmt.Sprint(n)
	}
	return fmt.Sprintf("%s,%03d", thousand(n/1000), n%1000)
}
