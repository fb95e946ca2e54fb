// Package settings reads settings from the environment and refuses wrong ones
// by name: every error says which variable, which value and what is allowed.
// The root package and the exporters share it, so that a wrong value is worded
// the same wherever it is read.
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

// LookupEnv has the shape of [os.LookupEnv]. Tests pass a map's.
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

// String returns the first of the named variables that is set and not empty,
// with the name that had it.
func (e *Env) String(names ...string) (value, name string) {
	lookup := e.Lookup
	if lookup == nil {
		lookup = os.LookupEnv
	}
	for _, name := range names {
		if v, ok := lookup(name); ok && v != "" {
			return v, name
		}
	}
	return "", ""
}

// Bool reads true or false (any case) from the first variable that is set.
func (e *Env) Bool(def bool, names ...string) bool {
	v, name := e.String(names...)
	switch strings.ToLower(v) {
	case "":
		return def
	case "true":
		return true
	case "false":
		return false
	}
	e.Fail(name, v, "true or false")
	return def
}

// Enum reads one of the allowed values (any case), returned in lower case.
func (e *Env) Enum(def string, allowed []string, names ...string) string {
	v, name := e.String(names...)
	if v == "" {
		return def
	}
	low := strings.ToLower(strings.TrimSpace(v))
	if !slices.Contains(allowed, low) {
		e.Fail(name, v, "one of "+strings.Join(allowed, ", "))
		return def
	}
	return low
}

// List reads a comma-separated list of allowed values (any case), without
// repeats, in the order given; nil when unset.
func (e *Env) List(allowed []string, names ...string) []string {
	v, name := e.String(names...)
	if v == "" {
		return nil
	}
	var out []string
	for part := range strings.SplitSeq(v, ",") {
		part = strings.ToLower(strings.TrimSpace(part))
		if !slices.Contains(allowed, part) {
			e.Fail(name, v, "a comma-separated list of "+strings.Join(allowed, ", "))
			return nil
		}
		if !slices.Contains(out, part) {
			out = append(out, part)
		}
	}
	return out
}

// Ratio reads a number from 0.0 to 1.0.
func (e *Env) Ratio(def float64, names ...string) float64 {
	v, name := e.String(names...)
	if v == "" {
		return def
	}
	f, err := strconv.ParseFloat(strings.TrimSpace(v), 64)
	if err != nil || !(f >= 0 && f <= 1) { // the negation refuses NaN too
		e.Fail(name, v, "a number from 0.0 to 1.0")
		return def
	}
	return f
}

// Int reads a whole number from low to high.
func (e *Env) Int(def, low, high int, names ...string) int {
	v, name := e.String(names...)
	if v == "" {
		return def
	}
	n, err := strconv.Atoi(strings.TrimSpace(v))
	if err != nil || n < low || n > high {
		e.Fail(name, v, fmt.Sprintf("a whole number from %d to %d", low, high))
		return def
	}
	return n
}

// Millis reads a duration given in whole milliseconds, from 1 to a day, as the
// OpenTelemetry variables for intervals and timeouts have it.
func (e *Env) Millis(def time.Duration, names ...string) time.Duration {
	const day = 24 * time.Hour
	v, name := e.String(names...)
	if v == "" {
		return def
	}
	n, err := strconv.ParseInt(strings.TrimSpace(v), 10, 64)
	if err != nil || n < 1 || n > day.Milliseconds() {
		e.Fail(name, v, fmt.Sprintf("whole milliseconds from 1 to %d", day.Milliseconds()))
		return def
	}
	return time.Duration(n) * time.Millisecond
}
