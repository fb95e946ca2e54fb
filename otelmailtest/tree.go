package otelmailtest

import (
	"fmt"
	"strings"

	"go.opentelemetry.io/otel/codes"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
)

// Tree asserts that the spans since the mark are these: a line for each, those of its children
// below it and further in, in the order in which they began. Blank lines, and how far all is
// indented, do not matter.
//
//	SMTP session
//	  SMTP MAIL
//	  SMTP RCPT [server, error 5.1.1]
//	mail process [internal, links to SMTP DATA]
//
// What stands in brackets may be left out: the kind, the error.type of a span whose status is an
// error, and the names of the spans that it links to. A span that has not ended says so there.
func (r *record) Tree(want string) {
	r.t.Helper()
	wanted := outline(want)
	r.holds(func() string {
		if diff := differ(wanted, r.tree(), sameSpan); diff != "" {
			return fmt.Sprintf("spans since the mark (- wanted, + there):%s", diff)
		}
		return ""
	})
}

// sameSpan compares what want has of a span.
func sameSpan(want, got string) bool {
	if strings.Contains(want, " [") || strings.Contains(got, notEnded) {
		return want == got
	}
	name, _, _ := strings.Cut(got, " [")
	return want == name
}

// tree is what Tree compares.
func (r *record) tree() (lines []string) {
	all := r.since()
	here := map[spanID]bool{}
	children := map[spanID][]sdktrace.ReadOnlySpan{}
	var roots []sdktrace.ReadOnlySpan
	for _, s := range all {
		here[idOf(s.SpanContext())] = true
	}
	for _, s := range all {
		if parent := idOf(s.Parent()); here[parent] {
			children[parent] = append(children[parent], s)
		} else {
			roots = append(roots, s)
		}
	}
	names := map[spanID]string{}
	ever, _ := r.all()
	for _, s := range ever {
		names[idOf(s.SpanContext())] = s.Name()
	}
	var add func(spans []sdktrace.ReadOnlySpan, indent string)
	add = func(spans []sdktrace.ReadOnlySpan, indent string) {
		for _, s := range spans {
			lines = append(lines, indent+describe(s, names))
			add(children[idOf(s.SpanContext())], indent+"  ")
		}
	}
	add(roots, "")
	return lines
}

const notEnded = "not ended"

// describe is a span in a line.
func describe(s sdktrace.ReadOnlySpan, names map[spanID]string) string {
	about := []string{s.SpanKind().String()}
	if status := s.Status(); status.Code == codes.Error {
		failure := "error"
		for _, kv := range s.Attributes() {
			if kv.Key == "error.type" {
				failure += " " + kv.Value.String()
			}
		}
		if status.Description != "" {
			failure += fmt.Sprintf(" %q", status.Description)
		}
		about = append(about, failure)
	}
	for _, l := range s.Links() {
		name, ok := names[idOf(l.SpanContext)]
		if !ok {
			name = "a span of another process"
		}
		about = append(about, "links to "+name)
	}
	if s.EndTime().IsZero() {
		about = append(about, notEnded)
	}
	return s.Name() + " [" + strings.Join(about, ", ") + "]"
}

// outline is a text's lines that are not blank, each with two spaces for each level that it is
// deeper in than the first.
func outline(text string) (lines []string) {
	var depths []int // of the line and of those that it is below
	for line := range strings.Lines(strings.ReplaceAll(text, "\t", "    ")) {
		said := strings.TrimSpace(line)
		if said == "" {
			continue
		}
		depth := len(line) - len(strings.TrimLeft(line, " "))
		for len(depths) > 0 && depths[len(depths)-1] >= depth {
			depths = depths[:len(depths)-1]
		}
		lines = append(lines, strings.Repeat("  ", len(depths))+said)
		depths = append(depths, depth)
	}
	return lines
}

// under are lines below a text.
func under(lines []string) string {
	if len(lines) == 0 {
		return " none"
	}
	return "\n  " + strings.Join(lines, "\n  ")
}
