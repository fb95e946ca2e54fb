package main

import (
	"fmt"
	"slices"
	"strings"
)

// table writes the rows as one Markdown table and, below it, their notes, each once.
func table(rows []Row) string {
	var b strings.Builder
	b.WriteString("| what | against | ours | theirs | measured | 95 % within | quartiles | goal | reached |\n")
	b.WriteString("|---|---|--:|--:|--:|--:|--:|--:|---|\n")
	var notes []string
	for _, r := range rows {
		what := r.What
		if r.Note != "" {
			at := slices.Index(notes, r.Note)
			if at < 0 {
				at = len(notes)
				notes = append(notes, r.Note)
			}
			what += fmt.Sprintf(" (%d)", at+1)
		}
		fmt.Fprintf(&b, "| %s | %s | %s | %s | %s | %s | %s | %s | %s |\n", what, r.Against,
			r.Unit.format(r.Ours), r.Unit.format(r.Theirs),
			r.measured(), r.between(r.Compared.Low, r.Compared.High), r.between(r.Compared.Q1, r.Compared.Q3), r.Goal, r.verdict())
	}
	if len(notes) > 0 {
		b.WriteString("\n")
	}
	for i, n := range notes {
		fmt.Fprintf(&b, "%d. %s\n", i+1, n)
	}
	return b.String()
}

func (r Row) measured() string {
	s := fmt.Sprintf("**%.2f**", r.Compared.Median)
	if r.byDifference() {
		s = fmt.Sprintf("**%+.1f**", r.Compared.Median)
	} else if r.fine() {
		s = fmt.Sprintf("**%.3f**", r.Compared.Median)
	}
	if r.Allocs != nil {
		s += fmt.Sprintf(", %s allocs", trimmed(*r.Allocs))
	}
	return s
}

func (r Row) between(low, high float64) string {
	switch {
	case r.byDifference():
		return fmt.Sprintf("%+.1f … %+.1f", low, high)
	case r.fine():
		return fmt.Sprintf("%.3f … %.3f", low, high)
	}
	return fmt.Sprintf("%.2f … %.2f", low, high)
}

// fine reports a goal within a few per cent of 1, for which two decimals are too few.
func (r Row) fine() bool { return r.Goal.Ratio > 1 && r.Goal.Ratio < 1.1 }

func (r Row) verdict() string {
	switch {
	case r.Goal == Goal{}:
		return ""
	case r.reached() && !r.within(r.Compared.High):
		return "yes, by the median"
	case r.reached():
		return "yes"
	case r.within(r.Compared.Low) && !r.within(r.Compared.Median):
		return "**no**, by the median"
	}
	return "**no**"
}

// String returns the goal as it stands in the table, "" for none.
func (g Goal) String() string {
	var s string
	switch {
	case g.More != 0:
		s = fmt.Sprintf("≤ +%g", g.More)
	case g.Ratio != 0:
		s = fmt.Sprintf("≤ %g", g.Ratio)
	}
	if g.NoAllocs {
		s += ", 0 allocs"
	}
	return s
}

func trimmed(v float64) string { return fmt.Sprintf("%g", v) }
