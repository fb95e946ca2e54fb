package otelmail

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"syscall"
	"time"

	"go.opentelemetry.io/contrib/bridges/otelslog"

	"github.com/rusmes/otelmail/health"
	"github.com/rusmes/otelmail/internal/logfile"
	"github.com/rusmes/otelmail/internal/logtee"
	"github.com/rusmes/otelmail/internal/report"
	"github.com/rusmes/otelmail/internal/settings"
	"github.com/rusmes/otelmail/internal/stop"
)

// How long whoever logs waits for a local log that is slow or stuck, before it goes on.
var (
	ownPatience = 10 * time.Millisecond // nothing but tests changes it
	// An application's handler may do more, and its tests look at what it has done.
	theirPatience = time.Second
)

// logCheck is the name of the health check that is there once the local log was stuck.
const logCheck = "log"

// logConfig says what Telemetry.Logger writes to.
type logConfig struct {
	handler    slog.Handler
	export     slog.Level
	mailEvents bool
}

// WithLogHandler sets what writes the local log. Default: one that writes as
// RUSMES_LOG_LEVEL (debug, info, warn, error; else info), RUSMES_LOG_FORMAT (text, json;
// else text) and RUSMES_LOG_OUTPUT (stdout, stderr or a file; else stderr) say, which
// otherwise are not read.
//
// Use the default for what goes to stdout, stderr or a file: it does not end the process
// when nobody reads these any more, and opens the file again when it was renamed. What
// holds for every handler: [Telemetry.LogHandler].
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

// WithLogMailEvents writes mail events to the local log, each as a line of level info whose
// message is the name of the event: what has happened to a message, and who could not
// log in. What leaves over OTLP has them in any case. docs/events.md lists them. Default:
// RUSMES_LOG_MAIL_EVENTS, else false: they are not written.
func WithLogMailEvents() Option {
	return option(func(c *config) error { c.log.mailEvents = true; return nil })
}

// Logger writes to the local log, adds trace_id and span_id to what is logged
// inside a span, and pushes the same records over OTLP where logs are switched
// on; see [Telemetry.LogHandler]. After a failed Start it still writes to
// stderr.
func (t *Telemetry) Logger() *slog.Logger { return t.orNoop().logger }

// LocalLogger writes to the local log as [Telemetry.Logger] does, and pushes nothing: for
// what may name people, such as what a mail library reports.
func (t *Telemetry) LocalLogger() *slog.Logger { return t.orNoop().localLogger }

// LogHandler returns a slog.Handler that adds trace_id and span_id to every
// record made inside a span, passes it on to local, and gives it to the
// LoggerProvider, which pushes it over OTLP where logs are switched on. A push
// that fails changes nothing for local. With a nil local records are only pushed.
//
//	logger := slog.New(tel.LogHandler(slog.NewTextHandler(os.Stdout, nil)))
//	session := tel.SMTP.Session(ctx, otelmail.RoleSubmission, otelmail.Conn{})
//	logger.InfoContext(session.Context(), "accepted")
//
// Whoever logs waits for local for a second at most. From then on nobody waits until local
// has caught up: up to 4,096 records and 4 MiB wait for it, and what is beyond is counted in
// telemetry_local_log_dropped_total. A panic of local is counted there too. A value whose
// methods panic, or that holds itself, is replaced, and one of more than 1,000 parts, 16
// levels or 64 KiB is cut.
//
// [Telemetry.Logger] has one built in.
func (t *Telemetry) LogHandler(local slog.Handler) slog.Handler {
	t = t.orNoop()
	if local == nil {
		local = slog.DiscardHandler
	}
	return logCounter{t.tee.New(local, t.pushHandler(), theirPatience), t.logRecords}
}

func (t *Telemetry) pushHandler() slog.Handler {
	return logtee.AtLevel(t.exportLevel, otelslog.NewHandler(ScopeName,
		otelslog.WithLoggerProvider(t.providers.logger), otelslog.WithVersion(Version), otelslog.WithSchemaURL(scope().SchemaURL)))
}

// localLog is what the local log is written with.
type localLog struct {
	slog.Handler
	patience time.Duration
	closer   io.Closer // nil where there is nothing to close
}

// openLog opens the local log, by default as the RUSMES_LOG_* settings say. Its error is
// all that env has found to be wrong; nothing is open then.
func openLog(c *config, env *settings.Env) (localLog, error) {
	if !c.log.mailEvents {
		c.log.mailEvents = env.Bool(settings.LogMailEvents)
	}
	if c.log.handler != nil {
		return localLog{Handler: c.log.handler, patience: theirPatience}, env.Err()
	}
	var level slog.Level
	_ = level.UnmarshalText([]byte(env.Enum(settings.LogLevel))) // the names are slog's
	opts := &slog.HandlerOptions{Level: level}
	format := env.Enum(settings.LogFormat)
	w, closer := logOutput(c, env)
	if err := env.Err(); err != nil {
		if closer != nil {
			err = errors.Join(err, closer.Close())
		}
		return localLog{}, err
	}
	l := localLog{Handler: slog.NewTextHandler(w, opts), patience: ownPatience, closer: closer}
	if format == settings.JSON {
		l.Handler = slog.NewJSONHandler(w, opts)
	}
	return l, nil
}

// stderrLog is the local log of a Telemetry that records nothing.
func stderrLog() localLog {
	return localLog{Handler: slog.NewTextHandler(logfile.Std(os.Stderr), nil), patience: ownPatience}
}

// stderrLogger is for what telemetry says about itself where there is no local log.
func stderrLogger() *slog.Logger {
	l := stderrLog()
	tee := &logtee.Tee{Queue: logtee.NewQueue(func(logtee.Loss) {}, nil)}
	return slog.New(tee.New(l.Handler, slog.DiscardHandler, l.patience))
}

// logOutput opens a file where env names one.
func logOutput(c *config, env *settings.Env) (io.Writer, io.Closer) {
	output, name := env.String(settings.LogOutput)
	switch output {
	case settings.Stderr:
		return logfile.Std(os.Stderr), nil
	case settings.Stdout:
		return logfile.Std(os.Stdout), nil
	}
	reporter := report.New(c.handle, func(err error) string { return fmt.Sprintf("%s: %v", name, err) })
	f, err := logfile.Open(output, func(err error) { reporter.Report("reopen", err) })
	if err != nil {
		wrong := fmt.Errorf("%w that can be written: %w", settings.Invalid(name, output, settings.LogOutput.Wants()), err)
		env.Wrong(settings.LogOutput, wrong, settings.Stderr)
		return logfile.Std(os.Stderr), nil
	}
	f.ReopenOn(syscall.SIGHUP)
	return f, f
}

// setLog gives t its loggers. After everything else has stopped, what was logged is
// written, and the log's file closed.
func (t *Telemetry) setLog(c *config, l localLog) {
	queue := logtee.NewQueue(
		func(why logtee.Loss) { c.self.unlogged[why].Add(1) },
		func() { t.showStuckLog() })
	reporter := report.New(c.handle, error.Error)
	t.tee = &logtee.Tee{Queue: queue, Report: func(err error) { reporter.Report("push", err) }}
	t.logger = slog.New(logCounter{t.tee.New(l.Handler, t.pushHandler(), l.patience), t.logRecords})
	local := t.tee.New(l.Handler, slog.DiscardHandler, l.patience)
	t.localLogger = slog.New(logCounter{local, t.logRecords})
	t.ownLogger = slog.New(local)
	c.reports.logTo(t.ownLogger)
	t.Mail.tracer.events.logTo(local)
	t.stopper.Final = append(t.stopper.Final, stop.Part{Name: "log output", Run: func(ctx context.Context) error {
		err := queue.Flush(ctx)
		switch {
		case l.closer == nil:
		case err != nil:
			go l.closer.Close() // which waits for what is stuck
		default:
			err = l.closer.Close()
		}
		return err
	}})
}

// showStuckLog has /health show that the local log is stuck, or that it is written again.
// It decides neither readiness nor liveness: the mail goes on.
func (t *Telemetry) showStuckLog() {
	// A check of the application's own by that name stays as it is.
	_ = t.Health.Register(logCheck, t.tee.Queue.Check, health.Interval(time.Second))
}
