package settings_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
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

// A member that is wrong costs the others nothing.
func TestAWrongMemberOfAList(t *testing.T) {
	list := settings.Setting{Kind: settings.List, Values: []string{"tracecontext", "baggage"}, Default: "tracecontext,baggage", NotOffered: []string{"b3"}}
	for value, want := range map[string][]string{
		"baggage,B3": {"baggage", `L: "B3" is known to OpenTelemetry and not offered here: want a comma-separated list of tracecontext, baggage; used instead: baggage`},
		"b4,x": {"tracecontext,baggage", `L: "b4" is not allowed: want a comma-separated list of tracecontext, baggage; used instead: tracecontext,baggage`,
			`L: "x" is not allowed: want a comma-separated list of tracecontext, baggage; used instead: tracecontext,baggage`},
	} {
		var warned []string
		e := env("L", value)
		e.Warn = func(err error) { warned = append(warned, err.Error()) }
		got := strings.Join(e.List(named("L", list)), ",")
		if got != want[0] || !slices.Equal(warned, want[1:]) || e.Err() != nil {
			t.Errorf("%q: %s, error %v, warned of %q, want %q", value, got, e.Err(), warned, want)
		}
	}
}

// What OpenTelemetry knows and we do not offer is no typo.
func TestKnownButNotOffered(t *testing.T) {
	for name, values := range map[string][]string{
		"OTEL_TRACES_SAMPLER":         {"xray", "jaeger_remote", "parentbased_jaeger_remote"},
		"OTEL_PROPAGATORS":            {"b3", "b3multi", "jaeger", "xray", "ottrace"},
		"OTEL_TRACES_EXPORTER":        {"zipkin", "jaeger", "logging", "otlp/stdout"},
		"OTEL_METRICS_EXPORTER":       {"logging"},
		"OTEL_LOGS_EXPORTER":          {"logging"},
		"OTEL_EXPORTER_OTLP_PROTOCOL": {"http/json"},
	} {
		for _, value := range values {
			for _, s := range all() {
				if s.Name() != name {
					continue
				}
				var warned []string
				e := env(name, value)
				e.Warn = func(err error) { warned = append(warned, err.Error()) }
				read(e, s)
				want := fmt.Sprintf("%s: %q is known to OpenTelemetry and not offered here: want %s; used instead: ", name, value, s.Wants())
				if len(warned) != 1 || !strings.HasPrefix(warned[0], want) {
					t.Errorf("warned of %q, want %s", warned, want)
				}
			}
		}
	}
}

// Kubernetes gives every container NAME_PORT=tcp://… of each Service.
func TestServiceLinksAreNotForUs(t *testing.T) {
	for value, foreign := range map[string]bool{
		"tcp://10.0.0.1:9464": true, "udp://10.0.0.1:53": true, "tcp://[fd00::1]:9464": true,
		"9464": false, "tcp:9464": false, "http://10.0.0.1:9464": false,
	} {
		var warned []string
		e := env(settings.PrometheusPort.Name(), value)
		e.Warn = func(err error) { warned = append(warned, err.Error()) }
		got, _ := e.String(settings.PrometheusPort)
		if isSet := e.IsSet(settings.PrometheusPort); isSet == foreign || (got == "") != foreign || (len(warned) == 1) != foreign || e.Err() != nil {
			t.Errorf("%q: %q, warned of %q, error %v", value, got, warned, e.Err())
		}
	}
	e := env(settings.PrometheusPort.Name(), "tcp://10.0.0.1:9464")
	e.String(settings.PrometheusPort)
	if err := e.Err(); err == nil || !strings.Contains(err.Error(), "enableServiceLinks: false") {
		t.Errorf("strict: %v", err)
	}
}

func TestLenient(t *testing.T) {
	guard := settings.Setting{Kind: settings.Number, High: 9, Default: "3", Guards: true}
	warned := 0
	e := env("N", "x")
	e.Lenient, e.Warn = true, func(error) { warned++ }
	if got := e.Int(named("N", guard)); got != 3 || warned != 1 || e.Err() != nil {
		t.Errorf("%d, %d warnings, error %v", got, warned, e.Err())
	}
}
