package otelmail

import (
	"fmt"
	"log/slog"
	"sync"

	"go.opentelemetry.io/otel"
)

// reports is what telemetry says about itself where the application has named no error
// handler: a line of the local log. OpenTelemetry's own handler writes to stderr instead,
// which holds up whoever calls it when the reader of stderr does not read, and ends the process
// by SIGPIPE when that reader is gone.
type reports struct {
	mu    sync.Mutex
	log   *slog.Logger
	early []error // before there is a log
}

// mostEarly bounds what start-up can have to say.
const mostEarly = 100

// Handle implements [otel.ErrorHandler].
func (r *reports) Handle(err error) {
	r.mu.Lock()
	log := r.log
	if log == nil && len(r.early) < mostEarly {
		r.early = append(r.early, err)
	}
	r.mu.Unlock()
	if log != nil {
		say(log, err)
	}
}

// logTo has all reports go to log, which pushes nothing: a push that fails must not lead to
// another one.
func (r *reports) logTo(log *slog.Logger) {
	r.mu.Lock()
	early := r.early
	r.log, r.early = log, nil
	r.mu.Unlock()
	for _, err := range early {
		say(log, err)
	}
}

func say(log *slog.Logger, err error) { log.Warn("telemetry", "error", err) }

// report is the default error handler.
func (r *reports) report(err error) {
	if ours() {
		r.Handle(err)
		return
	}
	otel.Handle(err)
}

// install makes r OpenTelemetry's global error handler, unless the application has set one.
func (r *reports) install() {
	if ours() {
		otel.SetErrorHandler(r)
	}
}

// ours reports whether the application has left OpenTelemetry's global error handler alone.
func ours() bool {
	h := otel.GetErrorHandler()
	if _, ok := h.(*reports); ok {
		return true
	}
	return fmt.Sprintf("%T", h) == "*errorhandler.ErrDelegator" // the default, whose type is not exported
}
