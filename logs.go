package otelmail

import (
	"context"
	"errors"
	"log/slog"

	"go.opentelemetry.io/contrib/bridges/otelslog"
	"go.opentelemetry.io/otel/trace"
)

// LogHandler returns a slog.Handler that adds trace_id and span_id to every
// record made inside a span, passes it on to local, and gives it to the
// LoggerProvider, which pushes it over OTLP where logs are switched on. What
// becomes of the push changes nothing for local. A nil local only pushes.
//
//	logger := slog.New(tel.LogHandler(slog.NewTextHandler(os.Stderr, nil)))
//	logger.InfoContext(session.Context(), "accepted")
func (t *Telemetry) LogHandler(local slog.Handler) slog.Handler {
	push := otelslog.NewHandler(ScopeName,
		otelslog.WithLoggerProvider(t.providers.logger), otelslog.WithVersion(Version))
	if local == nil {
		return push
	}
	return logHandler{local, push}
}

// logHandler hands each record to both sides. The pushed record carries the
// trace in its own fields, so only the local one gets attributes for it.
type logHandler struct{ local, push slog.Handler }

func (h logHandler) Enabled(ctx context.Context, level slog.Level) bool {
	return h.local.Enabled(ctx, level) || h.push.Enabled(ctx, level)
}

func (h logHandler) Handle(ctx context.Context, r slog.Record) error {
	var pushed, kept error
	if h.push.Enabled(ctx, r.Level) {
		pushed = h.push.Handle(ctx, r.Clone())
	}
	if h.local.Enabled(ctx, r.Level) {
		if span := trace.SpanContextFromContext(ctx); span.IsValid() {
			r = r.Clone()
			r.AddAttrs(
				slog.String("trace_id", span.TraceID().String()),
				slog.String("span_id", span.SpanID().String()))
		}
		kept = h.local.Handle(ctx, r)
	}
	return errors.Join(kept, pushed)
}

func (h logHandler) WithAttrs(attrs []slog.Attr) slog.Handler {
	return logHandler{h.local.WithAttrs(attrs), h.push.WithAttrs(attrs)}
}

func (h logHandler) WithGroup(name string) slog.Handler {
	return logHandler{h.local.WithGroup(name), h.push.WithGroup(name)}
}
