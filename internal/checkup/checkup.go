// Package checkup is how a check of settings reaches what reads them: a context that carries
// one makes otelmail.Start judge everything, and begin nothing.
package checkup

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"

	"github.com/rusmes/otelmail/export"
	"github.com/rusmes/otelmail/internal/settings"
)

// Checkup is what one check has found. It is safe for concurrent use, and nil collects
// nothing.
type Checkup struct {
	check func(context.Context, any)

	mu       sync.Mutex
	asked    map[string]bool
	env      settings.Env
	values   map[key]value
	code     []Row
	findings []export.Finding
}

// key is a setting as it holds for one signal; "" for what is not per signal.
type key struct {
	setting *settings.Setting
	signal  string
}

type value struct{ text, source string }

// Row is one setting that is in effect, for people.
type Row struct {
	Section             settings.Section // "" for what has no variable
	Name, Value, Source string
}

// Default is the source of what nobody has set.
const Default = "default"

// Option is the source of what an option in code has set, package.Function.
func Option(name string) string { return "option " + name }

// Variable is the source of what a variable has set; without a name it is the default.
func Variable(name string) string {
	if name == "" {
		return Default
	}
	return "variable " + name
}

// Checked is what a Checkup judges.
type Checked interface {
	CheckUp(ctx context.Context, found *Checkup)
}

// New returns a Checkup.
func New() *Checkup {
	c := &Checkup{asked: map[string]bool{}, values: map[key]value{}}
	c.check = func(ctx context.Context, what any) { what.(Checked).CheckUp(ctx, c) }
	return c
}

// Do judges what, a [Checked], if ctx carries a Checkup, and reports whether it does. That it
// is one is known to New alone: a program that checks nothing has no call of CheckUp, nor of an
// exporter's Check, and the linker leaves them out.
func Do(ctx context.Context, what any) bool {
	c := From(ctx)
	if c == nil {
		return false
	}
	c.check(ctx, what)
	return true
}

type contextKey struct{}

// With returns a context that carries c.
func With(ctx context.Context, c *Checkup) context.Context {
	return context.WithValue(ctx, contextKey{}, c)
}

// From returns what ctx carries, nil if that is nothing.
func From(ctx context.Context) *Checkup {
	if ctx == nil {
		return nil
	}
	c, _ := ctx.Value(contextKey{}).(*Checkup)
	return c
}

// Watch remembers what is looked up, one at a time.
func (c *Checkup) Watch(lookup settings.LookupEnv) settings.LookupEnv {
	c.env.Lookup = lookup
	return func(name string) (string, bool) {
		c.mu.Lock()
		defer c.mu.Unlock()
		c.asked[name] = true
		return lookup(name)
	}
}

// Asked reports whether a variable was looked up.
func (c *Checkup) Asked(name string) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.asked[name]
}

// Set says what is in effect of a setting, where its variable alone does not tell: an option
// has won, or it is a secret.
func (c *Checkup) Set(s *settings.Setting, signal, text, source string) {
	if c == nil {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.values[key{s, signal}] = value{text, source}
}

// SetInCode says what is in effect of what has no variable.
func (c *Checkup) SetInCode(name, text, source string) {
	if c == nil {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.code = append(c.code, Row{Name: name, Value: text, Source: source})
}

// Found adds findings; what is there already is not added again.
func (c *Checkup) Found(findings ...export.Finding) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, f := range findings {
		if !slices.Contains(c.findings, f) {
			c.findings = append(c.findings, f)
		}
	}
}

// Wrong adds the lines of an error.
func (c *Checkup) Wrong(err error) { c.Found(Lines(export.Wrong, err)...) }

// Lines are the lines of an error. Who has read a variable does not matter.
func Lines(level export.Level, err error) (findings []export.Finding) {
	if err == nil {
		return nil
	}
	for line := range strings.SplitSeq(err.Error(), "\n") {
		for _, reader := range []string{"prometheus: ", "otlp: "} {
			if rest, ok := strings.CutPrefix(line, reader); ok && settings.Ours(rest) {
				line = rest
			}
		}
		findings = append(findings, export.Finding{Level: level, Text: line})
	}
	return findings
}

// Findings are all of them, in the order in which they came.
func (c *Checkup) Findings() []export.Finding {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.Clone(c.findings)
}

// Rows are the settings that are in effect, in the order of docs/settings.md: all whose
// variables were looked up and those that an option has set, but for those that are not set
// and mean nothing then.
func (c *Checkup) Rows() []Row {
	c.mu.Lock()
	defer c.mu.Unlock()
	var rows []Row
	for _, section := range settings.Sections {
		for _, s := range settings.In(section) {
			rows = append(rows, c.rows(s)...)
		}
	}
	return append(rows, c.code...)
}

// rows has one row where all signals have the same. c.mu is held.
func (c *Checkup) rows(s *settings.Setting) (rows []Row) {
	if !s.PerSignal {
		if v, ok := c.value(s, s, ""); ok {
			rows = append(rows, Row{s.Section, s.Name(), v.text, v.source})
		}
		return rows
	}
	var different bool
	for _, signal := range settings.Signals {
		one := s.For(signal)
		v, ok := c.value(s, one, signal)
		if !ok {
			continue
		}
		rows = append(rows, Row{s.Section, one.Name(), v.text, v.source})
		different = different || rows[0].Value != v.text || rows[0].Source != v.source
	}
	if len(rows) == len(settings.Signals) && !different {
		rows[0].Name = s.Name()
		return rows[:1]
	}
	return rows
}

// value is what holds of s, which is of the table, as it is read for one signal.
func (c *Checkup) value(s, read *settings.Setting, signal string) (v value, known bool) {
	if v, known = c.values[key{s, signal}]; known {
		return v, true
	}
	if !slices.ContainsFunc(read.Names, func(name string) bool { return c.asked[name] }) {
		return value{}, false
	}
	text, name := c.env.Holds(read)
	switch {
	case name == "":
		text = read.Unset()
	case read.Secret:
		text = "…"
	}
	if text == "" {
		return value{}, false
	}
	return value{text, Variable(name)}, true
}

// Bytes is a size for people, to a tenth.
func Bytes(n uint64) string {
	const unit = 1024
	if n < unit {
		return fmt.Sprintf("%d bytes", n)
	}
	size, i := float64(n)/unit, 0
	for ; size >= unit && i < 4; i++ {
		size /= unit
	}
	return fmt.Sprintf("%.1f %s", size, []string{"KiB", "MiB", "GiB", "TiB", "PiB"}[i])
}
