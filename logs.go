package otelmail

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"

	"go.opentelemetry.io/contrib/bridges/otelslog"

	"github.com/rusmes/otelmail/internal/logtee"
	"github.com/rusmes/otelmail/internal/settings"
	"github.com/rusmes/otelmail/internal/stop"
)

// logConfig says what Telemetry.Logger writes to.
type logConfig struct {
	handler slog.Handler
	export  slog.Level
}

// WithLogHandler sets what writes the local log. Default: one that writes as
// RUSMES_LOG_LEVEL (debug, info, warn, error; else info), RUSMES_LOG_FORMAT (text, json;
// else text) and RUSMES_LOG_OUTPUT (stdout, stderr or a file; else stderr) say, which
// otherwise are not read.
func WithLogHandler(h slog.Handler) Option {
	return option(func(c *config) error {
		if h == nil {
			return settings.Invalid("WithLogHandler", "nil", "a slog.Handler")
		}
		c.log.handler = h
		return nil
	})
}

// WithLogExportLevel sets the lowest level that leaves over OTLP, whatever the local
// log shows. Default info.
func WithLogExportLevel(level slog.Level) Option {
	return option(func(c *config) error { c.log.export = level; return nil })
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
//	logger := slog.New(tel.LogHandler(slog.NewTextHandler(os.Stdout, nil)))
//	session := tel.SMTP.Session(ctx, otelmail.RoleSubmission, otelmail.Conn{})
//	logger.InfoContext(session.Context(), "accepted")
//
// [Telemetry.Logger] has one built in.
func (t *Telemetry) LogHandler(local slog.Handler) slog.Handler {
	t = t.orNoop()
	push := logtee.AtLevel(t.exportLevel, otelslog.NewHandler(ScopeName,
		otelslog.WithLoggerProvider(t.providers.logger), otelslog.WithVersion(Version), otelslog.WithSchemaURL(scope().SchemaURL)))
	if local == nil {
		return push
	}
	return logtee.New(local, push)
}

// openLog opens the local log, by default as the RUSMES_LOG_* settings say. Its error is
// all that env has found to be wrong; nothing is open then.
func openLog(c *config, env *settings.Env) (slog.Handler, io.Closer, error) {
	if c.log.handler != nil {
		return c.log.handler, nil, env.Err()
	}
	var level slog.Level
	_ = level.UnmarshalText([]byte(env.Enum(settings.LogLevel))) // the names are slog's
	opts := &slog.HandlerOptions{Level: level}
	format := env.Enum(settings.LogFormat)
	w, closer := logOutput(env)
	if err := env.Err(); err != nil {
		if closer != nil {
			err = errors.Join(err, closer.Close())
		}
		return nil, nil, err
	}
	if format == settings.JSON {
		return slog.NewJSONHandler(w, opts), closer, nil
	}
	return slog.NewTextHandler(w, opts), closer, nil
}

// logOutput opens a file where env names one.
func logOutput(env *settings.Env) (io.Writer, io.Closer) {
	output, name := env.String(settings.LogOutput)
	switch output {
	case settings.Stderr:
		return os.Stderr, nil
	case settings.Stdout:
		return os.Stdout, nil
	}
	// Logs may hold what is not for everyone to read.
	f, err := os.OpenFile(output, os.O_WRONLY|os.O_APPEND|os.O_CREATE, 0o640)
	if err != nil {
		wrong := fmt.Errorf("%w that can be written: %w", settings.Invalid(name, output, settings.LogOutput.Wants()), err)
		env.Wrong(settings.LogOutput, wrong, settings.Stderr)
		return os.Stderr, nil
	}
	return f, f
}

// setLog gives t its logger, and closes the log's file after everything else
// has stopped.
func (t *Telemetry) setLog(h slog.Handler, closer io.Closer) {
	t.logger = slog.New(t.LogHandler(h))
	if closer != nil {
		t.stopper.Final = append(t.stopper.Final, stop.Part{Name: "log output", Run: func(context.Context) error { return closer.Close() }})
	}
}
