package otelmail_test

import (
	"bytes"
	"context"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	sdklog "go.opentelemetry.io/otel/sdk/log"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"

	"github.com/rusmes/otelmail"
	"github.com/rusmes/otelmail/otelmailtest"
)

func sdkProvider(r sdkmetric.Reader) *sdkmetric.MeterProvider {
	return sdkmetric.NewMeterProvider(sdkmetric.WithReader(r))
}

// logRecorder keeps what is pushed.
type logRecorder struct {
	mu      sync.Mutex
	records []sdklog.Record
}

func (l *logRecorder) OnEmit(_ context.Context, r *sdklog.Record) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.records = append(l.records, r.Clone())
	return nil
}
func (l *logRecorder) Enabled(context.Context, sdklog.EnabledParameters) bool { return true }
func (l *logRecorder) Shutdown(context.Context) error                         { return nil }
func (l *logRecorder) ForceFlush(context.Context) error                       { return nil }

func TestLogHandler(t *testing.T) {
	rec := otelmailtest.New(t)
	tel := rec.Tel
	var local bytes.Buffer
	logger := slog.New(tel.LogHandler(slog.NewTextHandler(&local, &slog.HandlerOptions{Level: slog.LevelWarn})))
	s := tel.SMTP.Session(t.Context(), otelmail.RoleMX, otelmail.Conn{})
	defer s.End(otelmail.CauseNone)
	span := s.Span().SpanContext()
	logger.With("queue", "q1").WithGroup("g").WarnContext(s.Context(), "deferred", "n", 1)
	logger.InfoContext(s.Context(), "accepted")
	logger.Warn("outside of any span")
	logger.DebugContext(s.Context(), "neither shown nor pushed")

	lines := strings.Split(strings.TrimSpace(local.String()), "\n")
	if len(lines) != 2 {
		t.Fatalf("%d local lines, want the two warnings:\n%s", len(lines), local.String())
	}
	for _, want := range []string{"deferred", "queue=q1", "g.n=1", " trace_id=" + span.TraceID().String(), " span_id=" + span.SpanID().String()} {
		if !strings.Contains(lines[0], want) {
			t.Errorf("the local line lacks %q: %s", want, lines[0])
		}
	}
	if strings.Contains(lines[1], "trace_id") {
		t.Errorf("a record outside of any span has a trace: %s", lines[1])
	}
	rec.Logs("WARN deferred", "INFO accepted", "WARN outside of any span") // the local level is not the push's
	if r := rec.Log("WARN deferred"); r.TraceID() != span.TraceID() || r.SpanID() != span.SpanID() {
		t.Errorf("pushed %v with trace %v", r.Body(), r.TraceID())
	}
}

func TestLocalLog(t *testing.T) {
	file := filepath.Join(t.TempDir(), "mail.log")
	own, err := os.OpenFile(file, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	defer own.Close()
	for _, tc := range []struct {
		name string
		opts []otelmail.StartOption
		want string
	}{
		{"settings", []otelmail.StartOption{lookup("RUSMES_LOG_LEVEL", "WARN", "RUSMES_LOG_FORMAT", "json", "RUSMES_LOG_OUTPUT", file)},
			`"level":"WARN","msg":"two"}` + "\n"},
		{"a handler wins, and the settings are not looked at", []otelmail.StartOption{
			lookup("RUSMES_LOG_LEVEL", "loud", "RUSMES_LOG_FORMAT", "xml", "RUSMES_LOG_OUTPUT", "/nonexistent/x"),
			otelmail.WithLogHandler(slog.NewTextHandler(own, nil))}, "level=WARN msg=two\n"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			tel, err := otelmail.Start(t.Context(), append(tc.opts, otelmail.WithoutGlobals())...)
			if err != nil {
				t.Fatal(err)
			}
			tel.Logger().Debug("one")
			tel.Logger().Warn("two")
			if err := tel.Shutdown(context.Background()); err != nil {
				t.Fatal(err)
			}
			got, err := os.ReadFile(file)
			if err != nil || !strings.HasSuffix(string(got), tc.want) || strings.Contains(string(got), "one") {
				t.Errorf("the log holds %q, %v; want it to end in %q", got, err, tc.want)
			}
		})
	}
	for _, tc := range []struct {
		opt  otelmail.Option
		want string
	}{
		{lookup("RUSMES_LOG_LEVEL", "loud"), `RUSMES_LOG_LEVEL: "loud" is not allowed: want one of debug, info, warn, error`},
		{lookup("RUSMES_LOG_FORMAT", "xml"), `RUSMES_LOG_FORMAT: "xml" is not allowed: want one of text, json`},
		{lookup("RUSMES_LOG_OUTPUT", "/nonexistent/mail.log"), `RUSMES_LOG_OUTPUT: "/nonexistent/mail.log" is not allowed: want stdout, stderr or the path`},
		{otelmail.WithLogHandler(nil), "WithLogHandler"},
	} {
		tel, err := otelmail.Start(t.Context(), lookup(), otelmail.WithStrictSettings(), otelmail.WithoutGlobals(), tc.opt)
		if err == nil || !strings.Contains(err.Error(), tc.want) {
			t.Errorf("error %v, want %s", err, tc.want)
		}
		if tel.Logger() == nil {
			t.Error("no logger beside the error")
		}
	}
}

// TestLocalLogOfNew: New does with RUSMES_LOG_* as Start does.
func TestLocalLogOfNew(t *testing.T) {
	file := filepath.Join(t.TempDir(), "mail.log")
	wrong := []string{"RUSMES_LOG_LEVEL", "loud", "RUSMES_LOG_FORMAT", "xml", "RUSMES_LOG_OUTPUT", file}
	var warned []string
	warn := otelmail.WithErrorHandler(func(err error) { warned = append(warned, err.Error()) })
	tel, err := otelmail.New(lookup(wrong...), warn)
	if err != nil {
		t.Fatal(err)
	}
	tel.Logger().Debug("one")
	tel.Logger().Info("two")
	if err := tel.Shutdown(context.Background()); err != nil {
		t.Error(err)
	}
	if got, err := os.ReadFile(file); err != nil || !strings.HasSuffix(string(got), "level=INFO msg=two\n") || strings.Contains(string(got), "one") {
		t.Errorf("the log holds %q, %v; want text from info on", got, err)
	}
	want := []string{
		`RUSMES_LOG_LEVEL: "loud" is not allowed: want one of debug, info, warn, error; used instead: info`,
		`RUSMES_LOG_FORMAT: "xml" is not allowed: want one of text, json; used instead: text`,
	}
	if !slices.Equal(warned, want) {
		t.Errorf("warned of %q, want %q", warned, want)
	}

	warned = nil
	for _, strict := range []otelmail.Option{otelmail.WithStrictSettings(), lookup(append(wrong, "RUSMES_STRICT_SETTINGS", "true")...)} {
		_, err := otelmail.New(lookup(wrong...), warn, strict)
		if err == nil || !strings.Contains(err.Error(), "RUSMES_LOG_LEVEL") || !strings.Contains(err.Error(), "RUSMES_LOG_FORMAT") {
			t.Errorf("strict: error %v", err)
		}
	}
	if _, err := otelmail.New(lookup("RUSMES_LOG_OUTPUT", "/nonexistent/x"), warn); err == nil || !strings.Contains(err.Error(), "RUSMES_LOG_OUTPUT") {
		t.Errorf("a file that cannot be opened: error %v", err)
	}
	if _, err := otelmail.New(lookup("RUSMES_LOG_LEVEL", "loud", "RUSMES_LOG_OUTPUT", "/nonexistent/x"), warn, otelmail.WithLogHandler(slog.NewTextHandler(io.Discard, nil))); err != nil {
		t.Errorf("an option wins: error %v", err)
	}
	if len(warned) > 0 {
		t.Errorf("warned of %q beside errors, or under an option", warned)
	}
}

// TestLogExportLevel is that of what leaves alone; a handler without a local one only exports.
func TestLogExportLevel(t *testing.T) {
	all := []string{"DEBUG event", "INFO event", "WARN event", "ERROR event"}
	for level, want := range map[slog.Level]int{slog.LevelDebug: 4, slog.LevelInfo: 3, slog.LevelError: 1, slog.LevelError + 1: 0} {
		var local bytes.Buffer
		rec := otelmailtest.New(t, otelmail.WithLogExportLevel(level), otelmail.WithLogHandler(slog.NewTextHandler(&local, &slog.HandlerOptions{Level: slog.LevelWarn})))
		for _, logger := range []*slog.Logger{rec.Tel.Logger(), slog.New(rec.Tel.LogHandler(nil))} {
			rec.Mark()
			for _, l := range []slog.Level{slog.LevelDebug, slog.LevelInfo, slog.LevelWarn, slog.LevelError} {
				logger.Log(t.Context(), l, "event")
			}
			rec.Logs(all[len(all)-want:]...)
		}
		if lines := strings.Count(local.String(), "\n"); lines != 2 {
			t.Errorf("level %v: %d local lines, want the warning and the error once", level, lines)
		}
	}
}
