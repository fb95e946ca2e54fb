package settings_test

import (
	"errors"
	"slices"
	"testing"

	"github.com/rusmes/otelmail/internal/settings"
)

// A wrong variable counts as unset, and is warned of once, with what holds instead.
func TestWrongVariablesAreWarnings(t *testing.T) {
	var warned []string
	e := env("NEW", "ten", "OLD", "7", "ALONE", "x", "FREE", "x", "GUARD", "x")
	e.Warn = func(err error) { warned = append(warned, err.Error()) }
	number := settings.Setting{Kind: settings.Number, High: 9, Default: "3"}
	older := number
	older.Names = []string{"NEW", "OLD"}
	for range 2 {
		if got := e.Int(&older); got != 7 {
			t.Errorf("with a right one after it: %d, want 7", got)
		}
		if got := e.Int(named("ALONE", number)); got != 3 {
			t.Errorf("alone: %d, want the default", got)
		}
		if got := e.Int(named("FREE", settings.Setting{Kind: settings.Number, High: 9, Otherwise: "`n`, or less"})); got != 0 {
			t.Errorf("without a fixed default: %d", got)
		}
		e.Fail(named("TEXT", settings.Setting{}), "TEXT", "a", "b")
	}
	want := []string{
		`NEW: "ten" is not allowed: want a whole number from 0 to 9; used instead: OLD=7`,
		`ALONE: "x" is not allowed: want a whole number from 0 to 9; used instead: 3`,
		`FREE: "x" is not allowed: want a whole number from 0 to 9; used instead: n, or less`,
		`TEXT: "a" is not allowed: want b; used instead: nothing, as if it were not set`,
	}
	if !slices.Equal(warned, want) || e.Err() != nil {
		t.Errorf("error %v, warned of\n%q, want\n%q", e.Err(), warned, want)
	}
	guard := number
	guard.Guards = true
	e.Int(named("GUARD", guard))
	if err := e.Err(); err == nil || err.Error() != `GUARD: "x" is not allowed: want a whole number from 0 to 9` || len(warned) != len(want) {
		t.Errorf("what guards: error %v, warned of %q", err, warned[len(want):])
	}
}

func TestRefusedOnce(t *testing.T) {
	e := settings.NewEnv(env("N", "x").Lookup, func(err error) { t.Errorf("strict, and warned of %v", err) }, true)
	for range 3 { // as a variable of three signals is
		e.Int(named("N", settings.Setting{Kind: settings.Number, High: 9}))
		e.Refuse(errors.New("an option"))
		e.Refuse(nil)
	}
	if got, want := e.Err().Error(), "N: \"x\" is not allowed: want a whole number from 0 to 9\nan option"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
}
