package settings

import (
	"cmp"
	"strings"
)

// Sections are all of them, in the order of the page.
var Sections = []Section{Process, Limits, Pull, Push, Log}

// Signals are what a setting that is [Setting.PerSignal] can be for.
var Signals = []string{"traces", "metrics", "logs"}

// Holds returns what is in effect of s, as the variable has it, and the variable. Without one
// that is right that is the default, and no name.
func (e *Env) Holds(s *Setting) (value, name string) {
	if s.Kind == List {
		value, name = e.String(s)
		if members, _ := s.members(value); len(members) > 0 {
			return strings.Join(members, ","), name
		}
		return s.Default, ""
	}
	for _, name := range s.Names {
		if v := e.get(name); v != "" && s.takes(v) {
			return v, name
		}
	}
	return s.Default, ""
}

// Unset is what holds where nobody has set s: for people, and empty where that is nothing.
func (s *Setting) Unset() string {
	return cmp.Or(s.Default, strings.ReplaceAll(s.Otherwise, "`", ""))
}

// takes reports whether a variable of s may have the value.
func (s *Setting) takes(value string) bool {
	one := *s
	one.Names = []string{"value"}
	e := &Env{Lookup: func(string) (string, bool) { return value, true }}
	switch s.Kind {
	case Text: // its reader judges it
	case Flag:
		e.Bool(&one)
	case Choice:
		e.Enum(&one)
	case List:
		e.List(&one)
	case Ratio:
		e.Ratio(&one)
	case Number:
		e.Int(&one)
	case Size:
		e.Size(&one)
	case Millis, Timeout:
		e.Millis(&one)
	case Duration:
		e.Duration(&one)
	}
	return e.Err() == nil
}

// Ours reports whether name is like that of a setting.
func Ours(name string) bool {
	return strings.HasPrefix(name, "OTEL_") || strings.HasPrefix(name, "RUSMES_")
}
