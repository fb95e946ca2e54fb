// Package logtee hands log records to two handlers.
package logtee

import (
	"context"
	"errors"
	"log/slog"

	"go.opentelemetry.io/otel/trace"
)

// New returns a handler that gives each record to both sides, even if one of them
// fails. The pushed record carries the trace in its own fields, so only the
// local one gets attributes for it, at the top level: there an operator searches
// for them, whatever groups a logger has.
func New(local, push slog.Handler) slog.Handler {
	return handler{root: local, local: local, push: push}
}

// AtLevel returns h for records of the level and above.
func AtLevel(level slog.Level, h slog.Handler) slog.Handler { return levelled{h, level} }

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

type handler struct {
	root   slog.Handler // local, before any group
	groups []func(slog.Handler) slog.Handler
	local  slog.Handler
	push   slog.Handler
}

func (h handler) Enabled(ctx context.Context, level slog.Level) bool {
	return h.local.Enabled(ctx, level) || h.push.Enabled(ctx, level)
}

func (h handler) Handle(ctx context.Context, r slog.Record) error {
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
func (h handler) inSpan(ctx context.Context) slog.Handler {
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

// with returns h with a group or attributes added. Attributes before the first group
// go to the root, which is cheap; what comes after it is remembered.
func (h handler) with(change func(slog.Handler) slog.Handler, group bool) handler {
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

func (h handler) WithAttrs(attrs []slog.Attr) slog.Handler {
	if len(attrs) == 0 {
		return h
	}
	return h.with(func(s slog.Handler) slog.Handler { return s.WithAttrs(attrs) }, false)
}

func (h handler) WithGroup(name string) slog.Handler {
	if name == "" {
		return h
	}
	return h.with(func(s slog.Handler) slog.Handler { return s.WithGroup(name) }, true)
}
