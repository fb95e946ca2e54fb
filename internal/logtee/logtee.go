// Package logtee hands log records to two handlers.
package logtee

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"go.opentelemetry.io/otel/trace"

	"github.com/rusmes/otelmail/internal/contain"
)

// Tee is what the handlers of one Telemetry have in common.
type Tee struct {
	Queue  *Queue
	Report func(error) // receives the panics of whoever pushes
}

// New returns a handler that gives each record to both sides, even if one of them
// fails or panics, and that waits no longer for local than patience. Values that would
// panic or never end are replaced. The pushed record carries the trace in its own fields,
// so only the local one gets attributes for it, at the top level: there an operator
// searches for them, whatever groups a logger has.
//
// [slog.DiscardHandler] is no side.
func (t *Tee) New(local, push slog.Handler, patience time.Duration) slog.Handler {
	_, text := local.(*slog.TextHandler)
	fields := text || push != slog.DiscardHandler
	return handler{Tee: t, sink: &sink{root: local, patience: patience}, fields: fields, root: local, local: local, push: push}
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
	*Tee
	sink   *sink
	fields bool         // see tamer.fields
	root   slog.Handler // local, before any group
	groups []func(slog.Handler) slog.Handler
	local  slog.Handler
	push   slog.Handler
}

func (h handler) Enabled(ctx context.Context, level slog.Level) bool {
	return enabled(ctx, h.local, level) || enabled(ctx, h.push, level)
}

// enabled takes a panic for a yes: it will come again, and be counted.
func enabled(ctx context.Context, h slog.Handler, level slog.Level) (yes bool) {
	return contain.Call(func() { yes = h.Enabled(ctx, level) }) != nil || yes
}

func (h handler) Handle(ctx context.Context, r slog.Record) error {
	var pushed, kept error
	toPush, toLocal := enabled(ctx, h.push, r.Level), enabled(ctx, h.local, r.Level)
	if toPush || toLocal {
		t := tamer{fields: h.fields}
		r = t.record(r)
	}
	if toPush {
		pushed = h.pushOne(ctx, r.Clone())
	}
	if toLocal {
		kept = h.Queue.handle(h.sink, r, func(r slog.Record) error {
			return h.inSpan(ctx).Handle(context.WithoutCancel(ctx), r)
		})
	}
	return errors.Join(kept, pushed)
}

func (h handler) pushOne(ctx context.Context, r slog.Record) (err error) {
	if panicked := contain.Call(func() { err = h.push.Handle(ctx, r) }); panicked != nil {
		err = fmt.Errorf("push a log record: it %w", panicked)
		h.Report(err)
	}
	return err
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
	h.local = changed(h.local, change)
	h.push = changed(h.push, change)
	if len(h.groups) == 0 && !group {
		h.root = h.local
		return h
	}
	groups := make([]func(slog.Handler) slog.Handler, len(h.groups), len(h.groups)+1)
	copy(groups, h.groups)
	h.groups = append(groups, change)
	return h
}

// changed is h as it was where the change panics.
func changed(h slog.Handler, change func(slog.Handler) slog.Handler) slog.Handler {
	out := h
	_ = contain.Call(func() { out = change(h) })
	return out
}

func (h handler) WithAttrs(attrs []slog.Attr) slog.Handler {
	if len(attrs) == 0 {
		return h
	}
	t := tamer{fields: h.fields}
	attrs = t.all(attrs, 0)
	return h.with(func(s slog.Handler) slog.Handler { return s.WithAttrs(attrs) }, false)
}

func (h handler) WithGroup(name string) slog.Handler {
	if name == "" {
		return h
	}
	return h.with(func(s slog.Handler) slog.Handler { return s.WithGroup(name) }, true)
}
