// Package settings is the table of all settings, and reads them from the
// environment. Wrong values are refused by name: every error and every warning says
// which variable, which value and what is allowed. The root package and the exporters
// share it, so that each fact about a setting stands once.
package settings

import (
	"fmt"
	"os"
	"regexp"
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
	// Lenient makes what is wrong with a setting that guards something a warning too:
	// with the SDK disabled there is nothing behind it.
	Lenient bool
	errs    []error
	said    map[string]bool
}

// NewEnv returns an Env that warns, or a strict one.
func NewEnv(lookup LookupEnv, warn func(error), strict bool) *Env {
	if strict {
		warn = nil
	}
	return &Env{Lookup: lookup, Warn: warn}
}

// get returns the value of a variable without the blanks around it, which templates and
// files leave there. It is empty where the variable is not set, or not for us.
func (e *Env) get(name string) string {
	lookup := e.Lookup
	if lookup == nil {
		lookup = os.LookupEnv
	}
	v, set := lookup(name)
	if !set {
		return ""
	}
	v = strings.TrimSpace(v)
	if strings.HasSuffix(name, "_PORT") && serviceLink.MatchString(v) {
		e.warn(fmt.Errorf("%s: %q is what Kubernetes sets for a Service of that name, and is not used; "+
			"enableServiceLinks: false in the pod's specification keeps it away", name, v))
		return ""
	}
	return v
}

// serviceLink is the value of NAME_PORT that Kubernetes and Docker give every container
// near a service called name.
var serviceLink = regexp.MustCompile(`^(tcp|udp|sctp)://[^/]+:[0-9]+$`)

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
		wrong = append(wrong, s.refuse(name, v))
	}
	for _, err := range wrong {
		e.Wrong(s, err, instead)
	}
	return value
}

// refuse says what is wrong with a value.
func (s *Setting) refuse(name, value string) error {
	if slices.Contains(s.NotOffered, strings.ToLower(value)) {
		return fmt.Errorf("%s: %q is known to OpenTelemetry and not offered here: want %s", name, value, s.Wants())
	}
	return Invalid(name, value, s.Wants())
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
		v = strings.ToLower(v)
		if !slices.Contains(s.Values, v) {
			return "", false
		}
		return v, true
	})
}

// List reads a [List], in any case, without repeats and in the order given; nil
// when unset and without a default. Empty members do not count. What is wrong with one
// member costs the others nothing, unless e is strict.
func (e *Env) List(s *Setting) []string {
	value, name := e.String(s)
	list, wrong := s.members(value)
	if name != "" && len(list) == 0 {
		list, _ = s.members(s.Default)
	}
	instead := strings.Join(list, ",")
	if instead == "" {
		instead = s.instead()
	}
	for _, member := range wrong {
		e.Wrong(s, s.refuse(name, member), instead)
	}
	return list
}

// members are those of a list that are allowed, and the others as they stand there.
func (s *Setting) members(value string) (allowed, wrong []string) {
	for part := range strings.SplitSeq(value, ",") {
		part = strings.TrimSpace(part)
		low := strings.ToLower(part)
		switch {
		case part == "" || slices.Contains(allowed, low):
		case slices.Contains(s.Values, low):
			allowed = append(allowed, low)
		default:
			wrong = append(wrong, part)
		}
	}
	return allowed, wrong
}

// Ratio reads a [Ratio].
func (e *Env) Ratio(s *Setting) float64 {
	return read(e, s, func(v string) (float64, bool) {
		f, err := strconv.ParseFloat(v, 64)
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
		n, err := strconv.ParseInt(v, 10, 64)
		if err != nil || !s.allows(n) {
			return 0, false
		}
		return n, true
	})
}

// Millis reads a [Millis] or a [Timeout], up to a day, as the OpenTelemetry variables for
// intervals and timeouts are written. It is 0 when unset and without a default, and
// [NoLimit] for a timeout of 0.
func (e *Env) Millis(s *Setting) time.Duration {
	return read(e, s, func(v string) (time.Duration, bool) {
		n, err := strconv.ParseInt(v, 10, 64)
		if err == nil && n == 0 && s.Kind == Timeout {
			return NoLimit, true
		}
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
