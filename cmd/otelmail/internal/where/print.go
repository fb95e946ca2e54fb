package where

import (
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"
)

// Print writes what was found, for people or as JSON.
func (f *Found) Print(w io.Writer, asJSON bool) error {
	if asJSON {
		e := json.NewEncoder(w)
		e.SetIndent("", "  ")
		e.SetEscapeHTML(false)
		return e.Encode(f)
	}
	var b strings.Builder
	for i, hops := range f.Messages {
		if i > 0 {
			b.WriteString("\n")
		}
		for n, h := range hops {
			if n > 0 {
				b.WriteString(between(&hops[n-1], &h))
			}
			h.print(&b)
		}
	}
	if len(f.Events) > 0 {
		if len(f.Messages) > 0 {
			b.WriteString("\n")
		}
		b.WriteString("Refusals and failed logins:\n")
		for _, e := range f.Events {
			fmt.Fprintf(&b, "  %s  %s  %s%s\n", shown(e.Time), e.Server, e.Text, e.details())
		}
	}
	if !f.Any() {
		b.WriteString("Nothing was found.\n")
	}
	for _, note := range f.Notes {
		fmt.Fprintf(&b, "note: %s\n", note)
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// between says how long a message was on its way from one server to the next, by the clocks of
// both. The next has it before the one that sends it knows, so that less than nothing is
// nothing; but not before that has begun its first attempt.
func between(from, to *hop) string {
	arrived := to.Steps[0].Time
	text := fmt.Sprintf("then, %s after it was last seen there", seconds(max(0, arrived.Sub(last(from.Steps)).Seconds())))
	first := slices.IndexFunc(from.Steps, func(s step) bool {
		return s.Event == "attempt" || s.Event == "delivered" || s.Event == "deferred" || s.Event == "failed"
	})
	if first >= 0 {
		if early := from.Steps[first].Time.Sub(arrived); early > 0 {
			text += fmt.Sprintf(" (%s before it was sent: one of the two clocks is wrong)", seconds(early.Seconds()))
		}
	}
	return text + ":\n"
}

func last(steps []step) (t time.Time) {
	for _, s := range steps {
		if end := s.Time.Add(time.Duration(s.Took * float64(time.Second))); end.After(t) {
			t = end
		}
	}
	return t
}

// shown is a time as people read it, with its zone.
func shown(t time.Time) string { return t.Local().Format("2006-01-02 15:04:05.000 -0700") }

// seconds is a wait.
func seconds(s float64) string {
	d := time.Duration(s * float64(time.Second))
	switch {
	case d < time.Second:
		return d.Round(time.Millisecond).String()
	case d < time.Minute:
		return d.Round(100 * time.Millisecond).String()
	}
	return d.Round(time.Second).String()
}

func (h *hop) print(b *strings.Builder) {
	fmt.Fprintf(b, "%s at %s", h.QueueID, h.Server)
	for _, part := range []struct{ lead, text string }{
		{", ", h.Direction}, {", from ", h.From.shown()}, {" to ", h.To.shown()}, {", bounced by ", h.Bounce}, {", a bounce of ", h.BounceOf},
	} {
		if part.text != "" {
			b.WriteString(part.lead + part.text)
		}
	}
	if h.Size > 0 {
		fmt.Fprintf(b, ", %d bytes", h.Size)
	}
	fmt.Fprintf(b, "\n  %s\n", h.Text)
	if h.Partial {
		b.WriteString("  (its beginning is not kept any more)\n")
	}
	for _, s := range h.Steps {
		wait := ""
		if s.Waited > 0 {
			wait = "+" + seconds(s.Waited)
		}
		fmt.Fprintf(b, "  %s %9s  %s%s\n", shown(s.Time), wait, s.Text, s.details())
	}
	if h.TraceID != "" {
		fmt.Fprintf(b, "  trace %s\n", h.TraceID)
	}
}

func (p party) shown() string {
	switch {
	case p.Address != "":
		return p.Address
	case p.Domain != "":
		return p.Domain
	}
	return p.Hash
}

// details are what a step's sentence does not say.
func (s *step) details() string {
	var all []string
	add := func(lead, text string) {
		if text != "" {
			all = append(all, lead+text)
		}
	}
	if s.Took > 0 {
		add("took ", seconds(s.Took))
	}
	add("", s.Host)
	add("", s.Peer)
	add("TLS ", s.TLS)
	add("reason ", s.Reason)
	add("fault ", s.Fault)
	if s.Reply != "" {
		add("", fmt.Sprintf("%q", s.Reply))
	}
	if len(all) == 0 {
		return ""
	}
	return " (" + strings.Join(all, ", ") + ")"
}
