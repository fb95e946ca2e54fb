// Package settings is the table of all settings, and reads them from the
// environment. Wrong values are refused by name: every error says which
// variable, which value and what is allowed. The root package and the exporters
// share it, so that each fact about a setting stands once.
package settings

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"
)

// LookupEnv has the signature of [os.LookupEnv]. Tests look up a map instead.
type LookupEnv func(name string) (value string, set bool)

// Env reads variables and keeps every error, so that an operator sees all wrong
// values at once. An empty value counts as unset, as the OpenTelemetry
// specification demands. The zero value reads the process's environment.
type Env struct {
	Lookup LookupEnv
	errs   []error
}

// Err returns the errors of all reads so far, joined, or nil.
func (e *Env) Err() error { return errors.Join(e.errs...) }

// Fail records an error about a setting in the common wording. The value of a
// secret setting (a header, a hash) must not be passed here.
func (e *Env) Fail(name, value, allowed string) {
	e.errs = append(e.errs, Invalid(name, value, allowed))
}

// Invalid is the common wording of a refused setting, for options as well as
// for variables.
func Invalid(name, value, allowed string) error {
	const most = 200
	if len(value) > most {
		value = value[:most] + "…"
	}
	return fmt.Errorf("%s: %q is not allowed: want %s", name, value, allowed)
}

// String returns the value of s and the variable that had it: the first of the
// names that is set and not empty. Without one it returns the default and no
// name.
func (e *Env) String(s *Setting) (value, name string) {
	lookup := e.Lookup
	if lookup == nil {
		lookup = os.LookupEnv
	}
	for _, name := range s.Names {
		if v, ok := lookup(name); ok && v != "" {
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

// read parses the value of s. A value that parse refuses is an error, and the default
// holds; without a default, T's zero value.
func read[T any](e *Env, s *Setting, parse func(string) (T, bool)) T {
	v, name := e.String(s)
	parsed, ok := parse(v)
	if !ok && name != "" {
		e.Fail(name, v, s.Wants())
	}
	if !ok {
		parsed, _ = parse(s.Default)
	}
	return parsed
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
