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
//	logger := slog.New(tel.LogHandler(myHandler))
//	logger.InfoContext(session.Context(), "accepted")
//
// [Telemetry.Logger] has one ready-made.
func (t *Telemetry) LogHandler(local slog.Handler) slog.Handler {
	push := slog.Handler(levelled{otelslog.NewHandler(ScopeName,
		otelslog.WithLoggerProvider(t.providers.logger), otelslog.WithVersion(Version)), t.pushLevel})
	if local == nil {
		return push
	}
	return logHandler{root: local, local: local, push: push}
}

// levelled is a handler with a lowest level.
type levelled struct {
	slog.Handler
	level slog.Level
}

func (l levelled) Enabled(ctx context.Context, level slog.Level) bool {
	return level >= l.level && l.Handler.Enabled(ctx, level)
}

func (l levelled) WithAttrs(attrs []slog.Attr) slog.Handler {
	return levelled{l.Handler.WithAttrs(attrs), l.level}
}

func (l levelled) WithGroup(name string) slog.Handler {
	return levelled{l.Handler.WithGroup(name), l.level}
}

// logHandler hands each record to both sides. The pushed record carries the
// trace in its own fields, so only the local one gets attributes for it, at the
// top level: there an operator searches for them, whatever groups a logger has.
type logHandler struct {
	root   slog.Handler // local, before any group
	groups []func(slog.Handler) slog.Handler
	local  slog.Handler
	push   slog.Handler
}

func (h logHandler) Enabled(ctx context.Context, level slog.Level) bool {
	return h.local.Enabled(ctx, level) || h.push.Enabled(ctx, level)
}

func (h logHandler) Handle(ctx context.Context, r slog.Record) error {
	var pushed, kept error
	if h.push.Enabled(ctx, r.Level) {
		pushed = h.push.Handle(ctx, r.Clone())
	}
	if h.local.Enabled(ctx, r.Level) {
		kept = h.inSpan(ctx).Handle(ctx, r)
	}
	return errors.Join(kept, pushed)
}

// inSpan is the local handler with the trace of ctx. Groups are opened again on
// top of it: attributes added later would land inside the innermost one.
func (h logHandler) inSpan(ctx context.Context) slog.Handler {
	span := trace.SpanContextFromContext(ctx)
	if !span.IsValid() {
		return h.local
	}
	local := h.root.WithAttrs([]slog.Attr{
		slog.String("trace_id", span.TraceID().String()),
		slog.String("span_id", span.SpanID().String()),
	})
	for _, reopen := range h.groups {
		local = reopen(local)
	}
	return local
}

// with keeps attributes before the first group on the root, which is cheap, and
// remembers what came after it.
func (h logHandler) with(change func(slog.Handler) slog.Handler, group bool) logHandler {
	h.local = change(h.local)
	h.push = change(h.push)
	if len(h.groups) == 0 && !group {
		h.root = h.local
		return h
	}
	groups := make([]func(slog.Handler) slog.Handler, len(h.groups), len(h.groups)+1)
	copy(groups, h.groups)
	h.groups = append(groups, change)
	return h
}

func (h logHandler) WithAttrs(attrs []slog.Attr) slog.Handler {
	if len(attrs) == 0 {
		return h
	}
	return h.with(func(s slog.Handler) slog.Handler { return s.WithAttrs(attrs) }, false)
}

func (h logHandler) WithGroup(name string) slog.Handler {
	if name == "" {
		return h
	}
	return h.with(func(s slog.Handler) slog.Handler { return s.WithGroup(name) }, true)
}
