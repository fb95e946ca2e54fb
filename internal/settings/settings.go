// Package settings is the table of all settings, and reads them from the
// environment. Wrong values are refused by name: every error and every warning says
// which variable, which value and what is allowed. The root package and the exporters
// share it, so that each fact about a setting stands once.
package settings

import (
	"os"
	"slices"
	"strconv"
	"strings"
	"time"
)

// LookupEnv has the signature of [os.LookupEnv]. Tests look up a map instead.
type LookupEnv func(name string) (value string, set bool)

// Env reads variables. What is wrong with them becomes errors, which it keeps, or
// warnings, see [Env.Wrong]. An empty value counts as unset, as the OpenTelemetry
// specification demands. The zero value reads the process's environment, strictly.
type Env struct {
	Lookup LookupEnv
	// Warn receives each warning once. With nil there are none: every wrong variable
	// is an error.
	Warn func(error)
	errs []error
	said map[string]bool
}

// NewEnv returns an Env that warns, or a strict one.
func NewEnv(lookup LookupEnv, warn func(error), strict bool) *Env {
	if strict {
		warn = nil
	}
	return &Env{Lookup: lookup, Warn: warn}
}

// get returns the value of a variable, empty where it is not set.
func (e *Env) get(name string) string {
	lookup := e.Lookup
	if lookup == nil {
		lookup = os.LookupEnv
	}
	if v, set := lookup(name); set {
		return v
	}
	return ""
}

// String returns the value of s and the variable that had it: the first of the
// names that is set and not empty. Without one it returns the default and no
// name.
func (e *Env) String(s *Setting) (value, name string) {
	for _, name := range s.Names {
		if v := e.get(name); v != "" {
			return v, name
		}
	}
	return s.Default, ""
}

// IsSet reports whether one of the variables of s is set.
func (e *Env) IsSet(s *Setting) bool {
	_, name := e.String(s)
	return name != ""
}

// read parses the value of s. A variable that parse refuses is wrong and counts as unset:
// the next of the names holds, else the default; without a default, T's zero value.
func read[T any](e *Env, s *Setting, parse func(string) (T, bool)) T {
	var wrong []error
	instead := s.instead()
	value, _ := parse(s.Default)
	for _, name := range s.Names {
		v := e.get(name)
		if v == "" {
			continue
		}
		if parsed, ok := parse(v); ok {
			value, instead = parsed, name+"="+v
			break
		}
		wrong = append(wrong, Invalid(name, v, s.Wants()))
	}
	for _, err := range wrong {
		e.Wrong(s, err, instead)
	}
	return value
}

// Bool reads a [Flag], in any case.
func (e *Env) Bool(s *Setting) bool {
	return read(e, s, func(v string) (value, ok bool) {
		v = strings.ToLower(v)
		return v == "true", v == "true" || v == "false"
	})
}

// Enum reads a [Choice], in any case, and returns it as the table has it; empty
// when unset and without a default.
func (e *Env) Enum(s *Setting) string {
	return read(e, s, func(v string) (string, bool) {
		v = strings.ToLower(strings.TrimSpace(v))
		if !slices.Contains(s.Values, v) {
			return "", false
		}
		return v, true
	})
}

// List reads a [List], in any case, without repeats and in the order given; nil
// when unset and without a default.
func (e *Env) List(s *Setting) []string {
	return read(e, s, func(v string) ([]string, bool) {
		var out []string
		for part := range strings.SplitSeq(v, ",") {
			part = strings.ToLower(strings.TrimSpace(part))
			if !slices.Contains(s.Values, part) {
				return nil, false
			}
			if !slices.Contains(out, part) {
				out = append(out, part)
			}
		}
		return out, true
	})
}

// Ratio reads a [Ratio].
func (e *Env) Ratio(s *Setting) float64 {
	return read(e, s, func(v string) (float64, bool) {
		f, err := strconv.ParseFloat(strings.TrimSpace(v), 64)
		if err != nil || !(f >= 0 && f <= 1) { // the negation refuses NaN too
			return 0, false
		}
		return f, true
	})
}

// Int reads a [Number].
func (e *Env) Int(s *Setting) int { return int(e.Size(s)) }

// Size reads a [Size].
func (e *Env) Size(s *Setting) int64 {
	return read(e, s, func(v string) (int64, bool) {
		n, err := strconv.ParseInt(strings.TrimSpace(v), 10, 64)
		if err != nil || !s.allows(n) {
			return 0, false
		}
		return n, true
	})
}

// Millis reads a [Millis], from 1 ms to a day, as the OpenTelemetry variables for
// intervals and timeouts are written.
func (e *Env) Millis(s *Setting) time.Duration {
	return read(e, s, func(v string) (time.Duration, bool) {
		n, err := strconv.ParseInt(strings.TrimSpace(v), 10, 64)
		if err != nil || n < 1 || n > mostMillis {
			return 0, false
		}
		return time.Duration(n) * time.Millisecond, true
	})
}

// Duration reads a [Duration].
func (e *Env) Duration(s *Setting) time.Duration {
	return read(e, s, func(v string) (time.Duration, bool) {
		d, err := time.ParseDuration(v)
		if err != nil || !s.allows(int64(d)) {
			return 0, false
		}
		return d, true
	})
}
