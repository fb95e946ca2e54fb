package otelmail

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"os"

	"go.opentelemetry.io/contrib/bridges/otelslog"

	"github.com/rusmes/otelmail/internal/logtee"
	"github.com/rusmes/otelmail/internal/settings"
	"github.com/rusmes/otelmail/internal/stop"
)

// LogFormat is how the local log is written.
type LogFormat uint8

// The formats.
const (
	LogText LogFormat = iota // key=value lines (slog.TextHandler)
	LogJSON                  // a JSON object a line (slog.JSONHandler)

	logFormatEnd
)

// logConfig says what Telemetry.Logger writes to.
type logConfig struct {
	level  *slog.Level
	push   slog.Level
	format *LogFormat
	output string
	writer io.Writer
}

// WithPushLogLevel sets the lowest level that is pushed over OTLP, whatever the
// local log shows. Default info.
func WithPushLogLevel(level slog.Level) Option {
	return optionFunc(func(c *config) error { c.log.push = level; return nil })
}

// WithLogLevel sets the lowest level that the local log shows. Default:
// RUSMES_LOG_LEVEL (debug, info, warn, error), else info.
func WithLogLevel(level slog.Level) Option {
	return optionFunc(func(c *config) error { c.log.level = &level; return nil })
}

// WithLogFormat sets how the local log is written. Default: RUSMES_LOG_FORMAT
// (text, json), else text.
func WithLogFormat(f LogFormat) Option {
	return optionFunc(func(c *config) error {
		if f >= logFormatEnd {
			return settings.Invalid("WithLogFormat", fmt.Sprint(uint8(f)), "LogText or LogJSON")
		}
		c.log.format = &f
		return nil
	})
}

// WithLogOutput sets where the local log goes: "stdout", "stderr" or the path
// of a file, which is appended to. Default: RUSMES_LOG_OUTPUT, else stderr.
func WithLogOutput(output string) Option {
	return optionFunc(func(c *config) error {
		if output == "" {
			return settings.Invalid("WithLogOutput", output, settings.LogOutput.Wants())
		}
		c.log.output = output
		return nil
	})
}

// WithLogWriter writes the local log to w. Default: see [WithLogOutput].
func WithLogWriter(w io.Writer) Option {
	return optionFunc(func(c *config) error {
		if w == nil {
			return settings.Invalid("WithLogWriter", "nil", "a writer")
		}
		c.log.writer = w
		return nil
	})
}

// Logger writes to the local log, adds trace_id and span_id to what is logged
// inside a span, and pushes the same records over OTLP where logs are switched
// on; see [Telemetry.LogHandler]. After a failed Start it still writes to
// stderr.
func (t *Telemetry) Logger() *slog.Logger { return t.orNoop().logger }

// LogHandler returns a slog.Handler that adds trace_id and span_id to every
// record made inside a span, passes it on to local, and gives it to the
// LoggerProvider, which pushes it over OTLP where logs are switched on. A push
// that fails changes nothing for local. With a nil local records are only pushed.
//
//	logger := slog.New(tel.LogHandler(myHandler))
//	logger.InfoContext(session.Context(), "accepted")
//
// [Telemetry.Logger] has one built in.
func (t *Telemetry) LogHandler(local slog.Handler) slog.Handler {
	t = t.orNoop()
	push := logtee.AtLevel(t.pushLevel, otelslog.NewHandler(ScopeName,
		otelslog.WithLoggerProvider(t.providers.logger), otelslog.WithVersion(Version), otelslog.WithSchemaURL(scope().SchemaURL)))
	if local == nil {
		return push
	}
	return logtee.New(local, push)
}

// openLog reads the RUSMES_LOG_* settings and opens the local log.
func openLog(c *config, env *settings.Env) (slog.Handler, io.Closer, error) {
	level, format := checkLogSettings(env)
	if c.log.level != nil {
		level = *c.log.level
	}
	if c.log.format != nil {
		format = *c.log.format
	}
	if err := env.Err(); err != nil {
		return nil, nil, err
	}
	w, closer, err := logOutput(c, env)
	if err != nil {
		return nil, nil, err
	}
	opts := &slog.HandlerOptions{Level: level}
	if format == LogJSON {
		return slog.NewJSONHandler(w, opts), closer, nil
	}
	return slog.NewTextHandler(w, opts), closer, nil
}

// checkLogSettings reads what can be wrong without opening anything.
func checkLogSettings(env *settings.Env) (level slog.Level, format LogFormat) {
	// The names of the levels are slog's.
	_ = level.UnmarshalText([]byte(env.Enum(settings.LogLevel)))
	if env.Enum(settings.LogFormat) == settings.JSON {
		format = LogJSON
	}
	return level, format
}

func logOutput(c *config, env *settings.Env) (io.Writer, io.Closer, error) {
	if c.log.writer != nil {
		return c.log.writer, nil, nil
	}
	output, name := c.log.output, "WithLogOutput"
	if output == "" {
		output, name = env.String(settings.LogOutput)
	}
	switch output {
	case settings.Stderr:
		return os.Stderr, nil, nil
	case settings.Stdout:
		return os.Stdout, nil, nil
	}
	// Logs may hold what is not for everyone to read.
	f, err := os.OpenFile(output, os.O_WRONLY|os.O_APPEND|os.O_CREATE, 0o640)
	if err != nil {
		return nil, nil, fmt.Errorf("%w that can be written: %w", settings.Invalid(name, output, settings.LogOutput.Wants()), err)
	}
	return f, f, nil
}

// setLog gives t its logger, and closes the log's file after everything else
// has stopped.
func (t *Telemetry) setLog(h slog.Handler, closer io.Closer) {
	t.logger = slog.New(t.LogHandler(h))
	if closer != nil {
		t.stopper.Final = append(t.stopper.Final, stop.Part{Name: "log output", Run: func(context.Context) error { return closer.Close() }})
	}
}
