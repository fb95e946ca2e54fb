package settings

import (
	"cmp"
	"errors"
	"fmt"
)

// Invalid is the common wording of a refused setting, for options as well as
// for variables.
func Invalid(name, value, allowed string) error {
	const most = 200
	if len(value) > most {
		value = value[:most] + "…"
	}
	return fmt.Errorf("%s: %q is not allowed: want %s", name, value, allowed)
}

// Wrong records what is wrong with a variable of s: as an error if s guards something, or
// if e is strict; else it warns, and says what holds instead. The text must not show
// the value of a secret setting (a header, a hash).
func (e *Env) Wrong(s *Setting, err error, instead string) {
	if s.Guards && !e.Lenient || e.Warn == nil {
		e.Refuse(err)
		return
	}
	e.warn(fmt.Errorf("%w; used instead: %s", err, instead))
}

// warn gives a warning once. If e is strict it is an error.
func (e *Env) warn(err error) {
	switch {
	case e.Warn == nil:
		e.Refuse(err)
	case e.first(err):
		e.Warn(err)
	}
}

// Fail is Wrong in the common wording, where the default holds instead.
func (e *Env) Fail(s *Setting, name, value, allowed string) {
	e.Wrong(s, Invalid(name, value, allowed), s.instead())
}

// Refuse records an error, so that an operator sees all that is wrong at once.
func (e *Env) Refuse(err error) {
	if err != nil && e.first(err) {
		e.errs = append(e.errs, err)
	}
}

// Err returns the errors so far, joined, or nil.
func (e *Env) Err() error { return errors.Join(e.errs...) }

// first reports whether err says something new: a variable for all signals is read once
// for each of them.
func (e *Env) first(err error) bool {
	if e.said == nil {
		e.said = map[string]bool{}
	}
	text := err.Error()
	said := e.said[text]
	e.said[text] = true
	return !said
}

// instead says what holds where no variable does.
func (s *Setting) instead() string {
	return cmp.Or(s.Unset(), "nothing, as if it were not set")
}
