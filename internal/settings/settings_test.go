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

func TestReads(t *testing.T) {
	e := env("B", "TRUE", "E", " Grpc ", "L", "otlp, none,otlp", "R", "0.25", "N", "7", "M", "1500", "EMPTY", "")
	if !e.Bool(false, "B") || e.Bool(true, "EMPTY") != true || e.Bool(false, "UNSET") {
		t.Error("Bool misread")
	}
	if got := e.Enum("x", []string{"grpc", "http"}, "E"); got != "grpc" {
		t.Errorf("Enum = %q", got)
	}
	if got := strings.Join(e.List([]string{"otlp", "none"}, "L"), " "); got != "otlp none" {
		t.Errorf("List = %q", got)
	}
	if got := e.Ratio(1, "R"); got != 0.25 {
		t.Errorf("Ratio = %v", got)
	}
	if got := e.Int(1, 0, 9, "N"); got != 7 {
		t.Errorf("Int = %v", got)
	}
	if got := e.Millis(0, "M"); got != 1500*time.Millisecond {
		t.Errorf("Millis = %v", got)
	}
	if v, name := e.String("UNSET", "N"); v != "7" || name != "N" {
		t.Errorf("String = %q from %q", v, name)
	}
	if err := e.Err(); err != nil {
		t.Errorf("unexpected error: %v", err)
	}
}

func TestWrongValuesAreAllNamed(t *testing.T) {
	e := env("B", "yes", "E", "udp", "L", "otlp,carrier-pigeon", "R", "NaN", "N", "10", "M", "5s")
	e.Bool(false, "B")
	e.Enum("", []string{"grpc"}, "E")
	e.List([]string{"otlp"}, "L")
	e.Ratio(1, "R")
	e.Int(1, 0, 9, "N")
	e.Millis(0, "M")
	err := e.Err()
	if err == nil {
		t.Fatal("no error for six wrong values")
	}
	for _, want := range []string{
		`B: "yes" is not allowed: want true or false`,
		`E: "udp" is not allowed: want one of grpc`,
		`L: "otlp,carrier-pigeon" is not allowed: want a comma-separated list of otlp`,
		`R: "NaN" is not allowed: want a number from 0.0 to 1.0`,
		`N: "10" is not allowed: want a whole number from 0 to 9`,
		`M: "5s" is not allowed: want whole milliseconds from 1 to 86400000`,
	} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("error lacks %q:\n%v", want, err)
		}
	}
}
