package otelmail

import (
	"context"
	"log/slog"

	"github.com/rusmes/otelmail/catalog"
	"github.com/rusmes/otelmail/internal/count"
)

var logRecords = define(catalog.Metric{
	Name: "log_records_total", Kind: catalog.Counter, Unit: "{record}",
	Help: "Log records written or pushed by the loggers of the Telemetry, mail events and what telemetry reports left out",
	Rise: "error: something has failed that should not; read it. A rise of all levels: a loop, or a stranger who makes the server talk.",
	Labels: []catalog.Label{{Key: "level", Values: []string{"debug", "info", "warn", "error"},
		Help: "The level, or the next lower one of these; debug for all below info"}},
})

// logCounter counts the records that pass to a handler.
type logCounter struct {
	slog.Handler
	levels []*count.Counter
}

// Handle implements [slog.Handler].
func (h logCounter) Handle(ctx context.Context, r slog.Record) error {
	level := 0
	for i, least := range []slog.Level{slog.LevelInfo, slog.LevelWarn, slog.LevelError} {
		if r.Level >= least {
			level = i + 1
		}
	}
	h.levels[level].Add(1)
	return h.Handler.Handle(ctx, r)
}

// WithAttrs implements [slog.Handler].
func (h logCounter) WithAttrs(attrs []slog.Attr) slog.Handler {
	return logCounter{h.Handler.WithAttrs(attrs), h.levels}
}

// WithGroup implements [slog.Handler].
func (h logCounter) WithGroup(name string) slog.Handler {
	return logCounter{h.Handler.WithGroup(name), h.levels}
}
