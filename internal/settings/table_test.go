package settings_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	sdktrace "go.opentelemetry.io/otel/sdk/trace"

	"github.com/rusmes/otelmail/internal/settings"
)

const root = "../../"

var sections = []settings.Section{settings.Process, settings.Limits, settings.Pull, settings.Push, settings.Log}

// all is the table, with the variables of single signals.
func all() (list []*settings.Setting) {
	for _, section := range sections {
		for _, s := range settings.In(section) {
			list = append(list, s)
			if s.PerSignal {
				list = append(list, s.For("traces"), s.For("metrics"), s.For("logs"))
			}
		}
	}
	return list
}

// read reads s as its kind demands.
func read(e *settings.Env, s *settings.Setting) {
	switch s.Kind {
	case settings.Text:
		e.String(s)
	case settings.Flag:
		e.Bool(s)
	case settings.Choice:
		e.Enum(s)
	case settings.List:
		e.List(s)
	case settings.Ratio:
		e.Ratio(s)
	case settings.Number:
		e.Int(s)
	case settings.Size:
		e.Size(s)
	case settings.Millis, settings.Timeout:
		e.Millis(s)
	case settings.Duration:
		e.Duration(s)
	}
}

// Each row is complete: the default is a value that the variable could have, and every
// variable belongs to one setting.
func TestTable(t *testing.T) {
	seen := map[string]string{}
	for _, s := range all() {
		if s.Meaning == "" || s.Wants() == "" {
			t.Errorf("%s: no meaning, or nothing that is allowed", s.Name())
		}
		name := s.Names[0]
		if by, twice := seen[name]; twice {
			t.Errorf("%s belongs to %s too", name, by)
		}
		for _, n := range s.Names {
			seen[n] = name
		}
		if s.Default != "" {
			e := env(name, s.Default)
			read(e, s)
			if err := e.Err(); err != nil {
				t.Errorf("the default: %v", err)
			}
		}
		if s.Kind != settings.Text {
			e := env(name, "\x00")
			read(e, s)
			if err := e.Err(); err == nil || !strings.HasPrefix(err.Error(), name+": ") {
				t.Errorf("%s: a wrong value: %v", name, err)
			}
		}
	}
	for _, name := range []string{ // names that operators had before
		"RUSMES_METRICS_ENABLED", "RUSMES_METRICS_BIND_ADDRESS", "RUSMES_METRICS_PATH",
		"RUSMES_TRACING_ENABLED", "RUSMES_TRACING_ENDPOINT", "RUSMES_TRACING_PROTOCOL",
		"RUSMES_TRACING_SERVICE_NAME", "RUSMES_TRACING_SAMPLE_RATIO",
		"RUSMES_LOG_LEVEL", "RUSMES_LOG_FORMAT", "RUSMES_LOG_OUTPUT",
		"OTEL_EXPORTER_OTLP_TRACES_HEADERS", "OTEL_EXPORTER_OTLP_LOGS_CLIENT_KEY", "OTEL_BLRP_SCHEDULE_DELAY",
	} {
		if seen[name] == "" {
			t.Errorf("%s is not in the table", name)
		}
	}
}

// What guards is decided setting by setting, see the comments in the table.
func TestWhatGuards(t *testing.T) {
	var guards []string
	for _, section := range sections {
		for _, s := range settings.In(section) {
			if s.Guards {
				guards = append(guards, s.Name())
			}
		}
	}
	want := []string{
		"RUSMES_METRICS_BIND_ADDRESS", "OTEL_EXPORTER_PROMETHEUS_HOST", "OTEL_EXPORTER_PROMETHEUS_PORT", "RUSMES_PROBES_BIND_ADDRESS", "RUSMES_METRICS_PATH",
		"OTEL_EXPORTER_OTLP_CERTIFICATE", "OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE", "OTEL_EXPORTER_OTLP_CLIENT_KEY",
		"RUSMES_OTLP_BUFFER_DIR", "RUSMES_LOG_OUTPUT",
	}
	if !slices.Equal(guards, want) {
		t.Errorf("what guards is %q, want %q", guards, want)
	}
	if s := settings.OTLPClientKey.For("logs"); !s.Guards {
		t.Errorf("%s does not guard as %s does", s.Name(), settings.OTLPClientKey.Name())
	}
}

func TestASignalsOwnVariableWins(t *testing.T) {
	s := settings.OTLPTimeout.For("traces")
	if got := strings.Join(s.Names, " "); got != "OTEL_EXPORTER_OTLP_TRACES_TIMEOUT OTEL_EXPORTER_OTLP_TIMEOUT" {
		t.Errorf("names %s", got)
	}
}

// The SDK reads these itself; the table repeats its defaults.
func TestLimitsAreTheSDKs(t *testing.T) {
	sdk := sdktrace.NewSpanLimits()
	of := map[string]int{
		"OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT": sdk.AttributeCountLimit, "OTEL_SPAN_ATTRIBUTE_VALUE_LENGTH_LIMIT": sdk.AttributeValueLengthLimit,
		"OTEL_SPAN_EVENT_COUNT_LIMIT": sdk.EventCountLimit, "OTEL_SPAN_LINK_COUNT_LIMIT": sdk.LinkCountLimit,
		"OTEL_EVENT_ATTRIBUTE_COUNT_LIMIT": sdk.AttributePerEventCountLimit, "OTEL_LINK_ATTRIBUTE_COUNT_LIMIT": sdk.AttributePerLinkCountLimit,
	}
	for _, s := range settings.In(settings.Limits) {
		if want, ok := of[s.Name()]; ok && env().Int(s) != want {
			t.Errorf("%s: default %s, the SDK's is %d", s.Name(), s.Default, want)
		}
	}
}

// No variable is named outside of the table, except in comments and tests.
func TestNamesStandInTheTableAlone(t *testing.T) {
	name := regexp.MustCompile(`\b(OTEL|RUSMES)_`)
	files := 0
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() {
			// Programs that use the module may name a variable for their readers.
			if slices.Contains([]string{"bench", "cmd", "integration", "tools"}, d.Name()) || path == root+"internal/settings" {
				return fs.SkipDir
			}
			return nil
		}
		if !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
			return nil
		}
		files++
		fset := token.NewFileSet()
		file, err := parser.ParseFile(fset, path, nil, 0)
		if err != nil {
			return err
		}
		ast.Inspect(file, func(n ast.Node) bool {
			if text, ok := n.(*ast.BasicLit); ok && name.MatchString(text.Value) {
				t.Errorf("%s: %s: read it through the table of package settings", fset.Position(text.Pos()), text.Value)
			}
			return true
		})
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if files < 100 {
		t.Errorf("only %d files were read", files)
	}
}
