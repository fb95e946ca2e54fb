package otelmail_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"go.opentelemetry.io/otel/attribute"

	"github.com/rusmes/otelmail"
	"github.com/rusmes/otelmail/export"
	"github.com/rusmes/otelmail/otelmailtest"
)

// smtpError has the shape of those of mail libraries: Error reads a field.
type smtpError struct{ message string }

func (e *smtpError) Error() string { return e.message }

type panics struct{ Name string }

func (panics) Error() string                { panic("Error") }
func (panics) String() string               { panic("String") }
func (panics) MarshalJSON() ([]byte, error) { panic("MarshalJSON") }
func (panics) MarshalText() ([]byte, error) { panic("MarshalText") }

type panicsAsValuer struct{}

func (panicsAsValuer) LogValue() slog.Value { panic("LogValue") }

type gives struct{ value func() slog.Value }

func (g gives) LogValue() slog.Value { return g.value() }

// endless is a group that holds itself, one step further each time.
type endless struct{}

func (endless) LogValue() slog.Value { return slog.GroupValue(slog.Any("e", endless{})) }

type node struct {
	Name string
	Next *node
	All  map[string]any
}

func pushTo(r *logRecorder) otelmail.StartOption {
	return otelmail.WithExporter(export.Func(func(_ context.Context, p export.Pipeline) error {
		p.AddLogProcessor(r)
		return nil
	}))
}

// harmful are values that end the process, or take for ever, where they are shown as
// they come.
func harmful() map[string]any {
	var nilError *smtpError
	var nilURL *url.URL
	cyclicMap := map[string]any{"k": "v"}
	cyclicMap["self"] = cyclicMap
	cyclicSlice := []any{1, nil}
	cyclicSlice[1] = cyclicSlice
	cyclicPointer := &node{Name: "n"}
	cyclicPointer.Next = cyclicPointer
	cyclicPointer.All = map[string]any{"n": cyclicPointer}
	structWithCycle := node{All: cyclicMap}
	doubling := []any{"x"}
	for range 60 { // 2^60 elements, of which 60 are there
		doubling = []any{doubling, doubling}
	}
	var deep any = "bottom"
	for range 100_000 {
		deep = []any{deep}
	}
	var deepMap any = "bottom"
	for range 100_000 {
		deepMap = map[string]any{"m": deepMap}
	}
	var interfacePointer any
	interfacePointer = &interfacePointer
	return map[string]any{
		"a nil pointer to an error":       nilError,
		"an error that panics":            panics{},
		"a pointer to one":                &panics{},
		"one in a slice":                  []error{errors.New("fine"), nilError},
		"one in an array":                 [1]any{panics{}},
		"one in a map":                    map[string]error{"k": panics{}},
		"one as a key":                    map[error]int{panics{"key"}: 1},
		"one in a struct":                 struct{ Err error }{nilError},
		"one behind pointers":             func() any { e := error(nilError); return &e }(),
		"one in a joined error":           errors.Join(errors.New("fine"), panics{}),
		"one in a wrapped error":          fmt.Errorf("reading: %w", errors.Join(nilError)),
		"a nil pointer with String":       nilURL,
		"a LogValuer that panics":         panicsAsValuer{},
		"a nil pointer to a LogValuer":    (*gives)(nil),
		"a LogValuer of an error":         gives{func() slog.Value { return slog.AnyValue(nilError) }},
		"a LogValuer of a group with one": gives{func() slog.Value { return slog.GroupValue(slog.Any("e", nilError)) }},
		"a LogValuer without end":         endless{},
		"a group with one":                slog.GroupValue(slog.Group("inner", "e", nilError)),
		"a cyclic map":                    cyclicMap,
		"a cyclic slice":                  cyclicSlice,
		"a cyclic pointer":                cyclicPointer,
		"a struct with a cyclic map":      structWithCycle,
		"pointers to it":                  []*node{&structWithCycle},
		"a pointer to itself":             interfacePointer,
		"an exponential slice":            doubling,
		"a deep slice":                    deep,
		"a deep map":                      deepMap,
		"a million numbers":               make([]int, 1_000_000),
		"a million texts":                 make([]string, 1_000_000),
		"an error of 10 MB":               errors.New(strings.Repeat("x", 10<<20)),
		"functions":                       []any{func() {}, make(chan int)},
		"not text":                        "a\xffb",
	}
}

// TestHarmfulValues: whatever is logged, with each handler and in each way, the caller goes
// on, and both sides have the record with what is fine in it.
func TestHarmfulValues(t *testing.T) {
	t.Parallel()
	ways := map[string]func(l *slog.Logger, v any){
		"an attribute":    func(l *slog.Logger, v any) { l.Info("said", "before", 1, "v", v, "after", 2) },
		"With":            func(l *slog.Logger, v any) { l.With("before", 1, "v", v).Info("said", "after", 2) },
		"a group":         func(l *slog.Logger, v any) { l.Info("said", "before", 1, slog.Group("g", "v", v), "after", 2) },
		"WithGroup":       func(l *slog.Logger, v any) { l.With("before", 1).WithGroup("g").With("v", v).Info("said", "after", 2) },
		"after WithGroup": func(l *slog.Logger, v any) { l.With("before", 1).WithGroup("g").Info("said", "v", v, "after", 2) },
	}
	for name, value := range harmful() {
		for way, say := range ways {
			for _, format := range []string{"text", "json"} {
				t.Run(name+"/"+way+"/"+format, func(t *testing.T) {
					var local bytes.Buffer
					var handler slog.Handler = slog.NewTextHandler(&local, nil)
					if format == "json" {
						handler = slog.NewJSONHandler(&local, nil)
					}
					rec := otelmailtest.New(t, otelmail.WithLogHandler(handler))
					began := time.Now()
					say(rec.Tel.Logger(), value)
					if took := time.Since(began); took > 30*time.Second {
						t.Errorf("it took %v", took)
					}
					line := local.String()
					if !strings.Contains(line, "said") || !strings.Contains(line, "before") || !strings.Contains(line, "after") || len(line) > 256<<10 {
						t.Errorf("the local line, of %d bytes: %.300s", len(line), line)
					}
					rec.Logs("INFO said")
					if n := rec.Log("INFO said").AttributesLen(); n < 2 {
						t.Errorf("%d attributes pushed", n)
					}
				})
			}
		}
	}
}

// TestHarmlessValues are shown and pushed as slog and OpenTelemetry's bridge do.
func TestHarmlessValues(t *testing.T) {
	values := []any{"s", 1, 1.5, true, nil, time.Second, []string{"a", "b"}, []byte("bytes"), map[string]int{"a": 1}, errors.New("away"),
		struct{ A, b int }{1, 2}, &node{Name: "n"}, []error{errors.New("one")}, slog.GroupValue(slog.Int("n", 1)), gives{func() slog.Value { return slog.IntValue(3) }},
		url.URL{Host: "a.example"}, &url.URL{Host: "b.example"}, attribute.StringValue("x")}
	for _, json := range []bool{false, true} {
		var got, want bytes.Buffer
		handler := func(w io.Writer) slog.Handler {
			opts := &slog.HandlerOptions{ReplaceAttr: func(groups []string, a slog.Attr) slog.Attr {
				if len(groups) == 0 && a.Key == slog.TimeKey {
					return slog.Attr{}
				}
				return a
			}}
			if json {
				return slog.NewJSONHandler(w, opts)
			}
			return slog.NewTextHandler(w, opts)
		}
		rec := otelmailtest.New(t, otelmail.WithLogHandler(handler(&got)))
		for _, l := range []*slog.Logger{rec.Tel.Logger(), slog.New(handler(&want))} {
			for _, v := range values {
				l.Info("said", "v", v)
			}
		}
		if got.String() != want.String() {
			t.Errorf("got\n%swant\n%s", &got, &want)
		}
		rec.Logs(slices.Repeat([]string{"INFO said"}, len(values))...)
	}
}

// TestWhatHarmfulValuesShowAs: a reader of the log sees what was wrong.
func TestWhatHarmfulValuesShowAs(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]string{
		"a nil pointer to an error":  "v=<nil>",
		"an error that panics":       `v="!PANIC: otelmail_test.panics"`,
		"one in a slice":             "v=\"[fine <nil>]\"",
		"a cyclic map":               "k:v self:map[",
		"a struct with a cyclic map": "Name:",
		"a million numbers":          "[0 0 0",
		"not text":                   "a\uFFFDb",
	} {
		var local bytes.Buffer
		tel, _ := start(t, otelmail.WithLogHandler(slog.NewTextHandler(&local, nil)))
		tel.Logger().Info("said", "v", harmful()[name])
		if !strings.Contains(local.String(), want) {
			t.Errorf("%s: want %s in %.300s", name, want, &local)
		}
	}
}
