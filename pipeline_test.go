package otelmail_test

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"

	"github.com/rusmes/otelmail"
	"github.com/rusmes/otelmail/export"
	"github.com/rusmes/otelmail/health"
	"github.com/rusmes/otelmail/mailconv"
)

// openFunc is an exporter.
func openFunc(f func(context.Context, export.Pipeline) error) otelmail.StartOption {
	return otelmail.WithExporter(export.Func(f))
}

// stepLog is what exporters did; they stop in parallel.
type stepLog struct {
	sync.Mutex
	did []string
}

// steps is an exporter that notes what becomes of it, and fails at a step.
func steps(name string, log *stepLog, failAt string) otelmail.StartOption {
	note := func(step string) error {
		log.Lock()
		defer log.Unlock()
		log.did = append(log.did, name+" "+step)
		if step == failAt {
			return errors.New(name + " cannot " + step)
		}
		return nil
	}
	return openFunc(func(_ context.Context, p export.Pipeline) error {
		p.OnStart(name, func(context.Context) error { return note("start") })
		p.OnShutdown(name, func(context.Context) error { return note("stop") })
		return note("open")
	})
}

// TestExportersOpenInOrder: all are opened, then all are started, in the order of the options.
func TestExportersOpenInOrder(t *testing.T) {
	var log stepLog
	tel, err := otelmail.Start(t.Context(), lookup(), otelmail.WithoutGlobals(), steps("one", &log, ""), steps("two", &log, ""))
	if err != nil {
		t.Fatal(err)
	}
	if want := []string{"one open", "two open", "one start", "two start"}; !slices.Equal(log.did, want) {
		t.Errorf("did %q, want %q", log.did, want)
	}
	if err := tel.Shutdown(context.Background()); err != nil {
		t.Error(err)
	}
	if stopped := log.did[4:]; len(stopped) != 2 || !slices.Contains(stopped, "one stop") || !slices.Contains(stopped, "two stop") {
		t.Errorf("stopped %q, want both", stopped)
	}
}

// TestStartFailsWhole: whatever step fails, all that was opened is stopped once, and the error
// names the part; what fails to stop is said besides.
func TestStartFailsWhole(t *testing.T) {
	for _, tc := range []struct {
		name string
		opts func(*stepLog) []otelmail.StartOption
		did  []string
		want []string
	}{
		{"the first cannot open", func(log *stepLog) []otelmail.StartOption {
			return []otelmail.StartOption{steps("one", log, "open"), steps("two", log, "")}
		}, []string{"one open", "two open", "one stop", "two stop"}, []string{"one cannot open"}},
		{"both cannot open", func(log *stepLog) []otelmail.StartOption {
			return []otelmail.StartOption{steps("one", log, "open"), steps("two", log, "open")}
		}, []string{"one open", "two open", "one stop", "two stop"}, []string{"one cannot open", "two cannot open"}},
		{"the second cannot start", func(log *stepLog) []otelmail.StartOption {
			return []otelmail.StartOption{steps("one", log, ""), steps("two", log, "start"), steps("three", log, "")}
		}, []string{"one open", "two open", "three open", "one start", "two start", "one stop", "three stop", "two stop"},
			[]string{"start two: two cannot start"}},
		{"nor stop afterwards", func(log *stepLog) []otelmail.StartOption {
			return []otelmail.StartOption{steps("one", log, "stop"), steps("two", log, "start")}
		}, []string{"one open", "two open", "one start", "two start", "one stop", "two stop"},
			[]string{"two cannot start", "shut down one: one cannot stop"}},
		{"a wrong check", func(log *stepLog) []otelmail.StartOption {
			return []otelmail.StartOption{steps("one", log, ""), otelmail.WithCheck("no spaces!", func(context.Context) error { return nil })}
		}, []string{"one open", "one stop"}, []string{"WithCheck", `"no spaces!"`}},
		{"a check twice", func(log *stepLog) []otelmail.StartOption {
			check := otelmail.WithCheck("storage", func(context.Context) error { return nil })
			return []otelmail.StartOption{steps("one", log, ""), check, check}
		}, []string{"one open", "one stop"}, []string{"WithCheck", "storage"}},
		{"a registry that is stopped", func(log *stepLog) []otelmail.StartOption {
			stopped := health.New()
			_ = stopped.Stop(t.Context())
			return []otelmail.StartOption{steps("one", log, ""), otelmail.WithHealth(stopped)}
		}, []string{"one open", "one start", "one stop"}, []string{"start the health checks", "stopped"}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			var log stepLog
			global := otel.GetTracerProvider()
			tel, err := otelmail.Start(t.Context(), append(tc.opts(&log), lookup())...)
			if err == nil || !containsAll(err.Error(), tc.want...) {
				t.Errorf("error %v, want %q", err, tc.want)
			}
			slices.Sort(log.did[max(0, len(log.did)-strings.Count(strings.Join(tc.did, " "), " stop")):]) // they stop in parallel
			if !slices.Equal(log.did, tc.did) {
				t.Errorf("did %q, want %q", log.did, tc.did)
			}
			if otel.GetTracerProvider() != global {
				t.Error("a failed Start has changed the global provider")
			}
			useNoop(t, tel)
		})
	}
}

// TestFailedStartIsBounded: a part that hangs while it is given back does not hang Start.
func TestFailedStartIsBounded(t *testing.T) {
	release := make(chan struct{})
	defer close(release)
	begun := time.Now()
	_, err := otelmail.Start(t.Context(), lookup(), otelmail.WithoutGlobals(), otelmail.WithShutdownTimeout(50*time.Millisecond),
		stopping(map[string]func(context.Context) error{"deaf": func(context.Context) error { <-release; return nil },
			"broken": func(context.Context) error { panic("bob@example.org") }}),
		openFunc(func(context.Context, export.Pipeline) error { return errors.New("cannot bind") }))
	if took := time.Since(begun); err == nil || !containsAll(err.Error(), "cannot bind", "deaf", "broken") || took > patience {
		t.Errorf("after %v: %v", took, err)
	}
	if err != nil && strings.Contains(err.Error(), "bob@") {
		t.Errorf("the error holds the value of a panic: %v", err)
	}
}

// TestStartOfANilContext is as of one that never ends.
func TestStartOfANilContext(t *testing.T) {
	//nolint:staticcheck // a nil context is the mistake under test
	tel, err := otelmail.Start(nil, lookup(), otelmail.WithoutGlobals(), openFunc(func(ctx context.Context, _ export.Pipeline) error {
		return ctx.Err()
	}))
	if err != nil {
		t.Fatal(err)
	}
	if err := tel.Shutdown(context.Background()); err != nil {
		t.Error(err)
	}
}

// TestPipelineSaysWhatStartKnows: all that an exporter may ask.
func TestPipelineSaysWhatStartKnows(t *testing.T) {
	registry := health.New()
	var reported []error
	broken := errors.New("in the background")
	tel, reader := start(t, otelmail.WithNamespace("acme"), otelmail.WithHealth(registry), otelmail.WithStrictSettings(), lookup("MINE", "set", "EMPTY", ""),
		otelmail.WithErrorHandler(func(err error) { reported = append(reported, err) }),
		openFunc(func(_ context.Context, p export.Pipeline) error {
			if p.Health() != registry || p.Disabled() || p.Resource() == nil || p.Reader() == nil {
				t.Errorf("health %t, disabled %t", p.Health() == registry, p.Disabled())
			}
			if !p.StrictSettings() {
				t.Error("not strict, as the option says")
			}
			for name, want := range map[string]bool{"MINE": true, "EMPTY": true, "NOT_THERE": false} {
				if v, set := p.LookupEnv(name); set != want || name == "MINE" && v != "set" {
					t.Errorf("%s is %q, %t", name, v, set)
				}
			}
			p.HandleError(broken)
			return nil
		}))
	if len(reported) != 1 || !errors.Is(reported[0], broken) {
		t.Errorf("reported %v", reported)
	}
	tel.WebPush.GaveUp()
	if _, there := collect(t, reader)["acme_push_deliveries_total"]; !there {
		t.Error("the reader has no series of the namespace")
	}
}

// TestPartsOfThePipeline: spans and log records reach every processor that was added, and
// what waits for the providers starts when metrics can be collected.
func TestPartsOfThePipeline(t *testing.T) {
	spans := []*tracetest.SpanRecorder{tracetest.NewSpanRecorder(), tracetest.NewSpanRecorder()}
	logs := []*logRecorder{{}, {}}
	started := false
	tel, _ := start(t, otelmail.WithLogHandler(slog.NewTextHandler(io.Discard, nil)), openFunc(func(_ context.Context, p export.Pipeline) error {
		for i := range spans {
			p.AddSpanProcessor(spans[i])
			p.AddLogProcessor(logs[i])
		}
		p.OnStart("collector", func(ctx context.Context) error {
			started = true
			_, err := p.Reader().Produce(ctx)
			return err
		})
		return nil
	}))
	otelmail.BeginSMTPCommand(t.Context(), tel, mailconv.SMTPData).End(otelmail.Reply{Code: 250})
	tel.Logger().Info("accepted")
	for i := range spans {
		if len(spans[i].Ended()) != 1 || len(logs[i].records) != 2 { // of the log, and of the message
			t.Errorf("processor %d got %d spans and %d records", i, len(spans[i].Ended()), len(logs[i].records))
		}
	}
	if !started {
		t.Error("what was to start did not")
	}
}

// TestDisabledPipeline: an exporter is opened, sees that nothing is to be exported, and is
// stopped as ever.
func TestDisabledPipeline(t *testing.T) {
	var log stepLog
	tel, err := otelmail.Start(t.Context(), lookup("OTEL_SDK_DISABLED", "true"), otelmail.WithoutGlobals(), steps("one", &log, ""),
		openFunc(func(_ context.Context, p export.Pipeline) error {
			if !p.Disabled() {
				t.Error("the pipeline is not disabled")
			}
			return nil
		}))
	if err != nil {
		t.Fatal(err)
	}
	if err := tel.Shutdown(context.Background()); err != nil {
		t.Error(err)
	}
	if want := []string{"one open", "one start", "one stop"}; !slices.Equal(log.did, want) {
		t.Errorf("did %q, want %q", log.did, want)
	}
}

// TestExporterThatPanics is an error of Start, as is a nil one of its type.
func TestExporterThatPanics(t *testing.T) {
	for name, e := range map[string]export.Exporter{
		"nil":    export.Func(nil),
		"panics": export.Func(func(context.Context, export.Pipeline) error { panic("bob@example.org") }),
	} {
		tel, err := otelmail.Start(t.Context(), lookup(), otelmail.WithoutGlobals(), otelmail.WithExporter(e))
		if err == nil || !strings.Contains(err.Error(), "open a export.Func: panicked with a") || strings.Contains(err.Error(), "bob@") {
			t.Errorf("%s: error %v", name, err)
		}
		useNoop(t, tel)
	}
}
