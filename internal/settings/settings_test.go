package settings_test

import (
	"strings"
	"testing"
	"time"

	"github.com/rusmes/otelmail/internal/settings"
)

func env(pairs ...string) *settings.Env {
	return &settings.Env{Lookup: func(name string) (string, bool) {
		for i := 0; i < len(pairs); i += 2 {
			if pairs[i] == name {
				return pairs[i+1], true
			}
		}
		return "", false
	}}
}

// named is a setting for a test that is not in the table.
func named(name string, s settings.Setting) *settings.Setting {
	s.Names = []string{name}
	return &s
}

func TestReads(t *testing.T) {
	e := env("B", "TRUE", "E", " Grpc ", "L", "otlp, none,otlp", "R", "0.25", "N", "7", "M", "1500", "D", "90m", "EMPTY", "")
	flag := settings.Setting{Kind: settings.Flag}
	trueUnset := settings.Setting{Kind: settings.Flag, Default: "true"}
	if !e.Bool(named("B", flag)) || e.Bool(named("EMPTY", trueUnset)) != true || e.Bool(named("UNSET", flag)) {
		t.Error("Bool misread")
	}
	if got := e.Enum(named("E", settings.Setting{Values: []string{"grpc", "http"}, Default: "http"})); got != "grpc" {
		t.Errorf("Enum = %q", got)
	}
	if got := strings.Join(e.List(named("L", settings.Setting{Values: []string{"otlp", "none"}})), " "); got != "otlp none" {
		t.Errorf("List = %q", got)
	}
	if got := e.Ratio(named("R", settings.Setting{Default: "1"})); got != 0.25 {
		t.Errorf("Ratio = %v", got)
	}
	number := settings.Setting{Low: 0, High: 9, Default: "1"}
	if got := e.Int(named("N", number)); got != 7 {
		t.Errorf("Int = %v", got)
	}
	if got := e.Int(named("UNSET", number)); got != 1 {
		t.Errorf("unset Int = %v", got)
	}
	if got := e.Millis(named("M", settings.Setting{})); got != 1500*time.Millisecond {
		t.Errorf("Millis = %v", got)
	}
	if got := e.Duration(named("D", settings.Setting{High: int64(time.Hour * 2)})); got != 90*time.Minute {
		t.Errorf("Duration = %v", got)
	}
	if v, name := e.String(&settings.Setting{Names: []string{"UNSET", "N"}}); v != "7" || name != "N" {
		t.Errorf("String = %q from %q", v, name)
	}
	if v, name := e.String(named("UNSET", settings.Setting{Default: "x"})); v != "x" || name != "" {
		t.Errorf("unset String = %q from %q", v, name)
	}
	if err := e.Err(); err != nil {
		t.Errorf("unexpected error: %v", err)
	}
}

func TestWrongValuesAreAllNamed(t *testing.T) {
	e := env("B", "yes", "E", "udp", "L", "otlp,carrier-pigeon", "R", "NaN", "N", "10", "S", "1k", "M", "5s", "D", "1s")
	e.Bool(named("B", settings.Setting{Kind: settings.Flag}))
	if got := e.Enum(named("E", settings.Setting{Kind: settings.Choice, Values: []string{"grpc"}, Default: "grpc"})); got != "grpc" {
		t.Errorf("a wrong value has %q instead of the default", got)
	}
	e.List(named("L", settings.Setting{Kind: settings.List, Values: []string{"otlp"}}))
	e.Ratio(named("R", settings.Setting{Kind: settings.Ratio}))
	e.Int(named("N", settings.Setting{Kind: settings.Number, High: 9}))
	e.Size(named("S", settings.Setting{Kind: settings.Size, Low: 8 << 20, High: 1 << 40}))
	e.Millis(named("M", settings.Setting{Kind: settings.Millis}))
	e.Duration(named("D", settings.Setting{Kind: settings.Duration, Low: int64(time.Minute), High: int64(720 * time.Hour), Default: "24h"}))
	err := e.Err()
	if err == nil {
		t.Fatal("no error for eight wrong values")
	}
	for _, want := range []string{
		`B: "yes" is not allowed: want true or false`,
		`E: "udp" is not allowed: want one of grpc`,
		`L: "carrier-pigeon" is not allowed: want a comma-separated list of otlp`,
		`R: "NaN" is not allowed: want a number from 0.0 to 1.0`,
		`N: "10" is not allowed: want a whole number from 0 to 9`,
		`S: "1k" is not allowed: want whole bytes from 8388608 (8 MiB) to 1099511627776 (1 TiB)`,
		`M: "5s" is not allowed: want whole milliseconds from 1 to 86400000`,
		`D: "1s" is not allowed: want a duration from 1m to 720h, like 24h`,
	} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("error lacks %q:\n%v", want, err)
		}
	}
}

// Templates leave blanks, a line's end or a comma where a value was empty.
func TestWhatTemplatesLeave(t *testing.T) {
	list := settings.Setting{Kind: settings.List, Values: []string{"otlp", "none"}, Default: "none"}
	for value, want := range map[string]string{"otlp,": "otlp", ",otlp,,": "otlp", " otlp , none\n": "otlp none", ",": "none", " , ": "none", " ": "none"} {
		e := env("L", value)
		if got := strings.Join(e.List(named("L", list)), " "); got != want || e.Err() != nil {
			t.Errorf("list %q: %s, error %v, want %s", value, got, e.Err(), want)
		}
	}
	for value, want := range map[string]bool{" true ": true, "true\n": true, "\tFALSE": false, " ": false} {
		e := env("B", value)
		if got := e.Bool(named("B", settings.Setting{Kind: settings.Flag})); got != want || e.Err() != nil {
			t.Errorf("flag %q: %t, error %v", value, got, e.Err())
		}
	}
	e := env("D", " 2h\n", "T", "/etc/ca.pem \n", "EMPTY", " \n")
	if got := e.Duration(named("D", settings.Setting{High: int64(3 * time.Hour)})); got != 2*time.Hour || e.Err() != nil {
		t.Errorf("duration %v, error %v", got, e.Err())
	}
	if got, name := e.String(&settings.Setting{Names: []string{"EMPTY", "T"}}); got != "/etc/ca.pem" || name != "T" {
		t.Errorf("text %q of %s", got, name)
	}
}

func TestATimeoutOfZeroIsNoLimit(t *testing.T) {
	e := env("T", "0", "I", "0", "MINUS", "-1")
	timeout := settings.Setting{Kind: settings.Timeout, Default: "10000"}
	if got := e.Millis(named("T", timeout)); got != settings.NoLimit || got+time.Hour < got || e.Err() != nil {
		t.Errorf("timeout %v, error %v", got, e.Err())
	}
	if got := e.Millis(named("UNSET", timeout)); got != 10*time.Second {
		t.Errorf("unset: %v", got)
	}
	e.Millis(named("I", settings.Setting{Kind: settings.Millis}))
	e.Millis(named("MINUS", timeout))
	const want = `I: "0" is not allowed: want whole milliseconds from 1 to 86400000
MINUS: "-1" is not allowed: want whole milliseconds from 0 to 86400000, 0 for no limit`
	if err := e.Err(); err == nil || err.Error() != want {
		t.Errorf("error %v, want %s", err, want)
	}
}
