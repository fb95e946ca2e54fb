package otelmail

import (
	"context"
	"fmt"
	"log/slog"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/log"

	"github.com/rusmes/otelmail/internal/contain"
	"github.com/rusmes/otelmail/internal/mailevent"
	"github.com/rusmes/otelmail/internal/report"
)

// mailEvents emits log records that say what has happened to a message: through the
// LoggerProvider, whatever is sampled, and into the local log if the operator wants them
// there. The table of internal/mailevent says when, and with what.
type mailEvents struct {
	logger   log.Logger
	exported bool         // their level, info, is among what leaves
	wanted   bool         // in the local log
	local    slog.Handler // nil until there is one, and where they are not wanted
	reporter *report.Reporter
}

func newMailEvents(c *config, p log.LoggerProvider) *mailEvents {
	return &mailEvents{
		logger:   p.Logger(ScopeName, log.WithInstrumentationVersion(Version), log.WithSchemaURL(scope().SchemaURL)),
		exported: c.log.export <= slog.LevelInfo,
		wanted:   c.log.mailEvents,
		reporter: report.New(c.handle, error.Error),
	}
}

// logTo has the events written by h, too, if they are wanted in the local log: with the ids
// of the trace. Nobody else may use the events yet.
func (e *mailEvents) logTo(h slog.Handler) {
	if e.wanted {
		e.local = h
	}
}

// takes reports whether somebody listens to an event: ask it first, so that an event that
// nobody wants costs a few nanoseconds.
func (e *mailEvents) takes(ctx context.Context, event *mailevent.Event) bool {
	return e != nil && (e.pushes(ctx, event) || e.shows(ctx))
}

func (e *mailEvents) pushes(ctx context.Context, event *mailevent.Event) (yes bool) {
	if !e.exported {
		return false
	}
	e.contain(func() {
		yes = e.logger.Enabled(orBackground(ctx), log.EnabledParameters{Severity: log.SeverityInfo, EventName: event.Name})
	})
	return yes
}

func (e *mailEvents) shows(ctx context.Context) (yes bool) {
	if e.local == nil {
		return false
	}
	e.contain(func() { yes = e.local.Enabled(orBackground(ctx), slog.LevelInfo) })
	return yes
}

// emit emits an event with the attributes of a, which must not be used afterwards. The trace
// is that of ctx.
func (e *mailEvents) emit(ctx context.Context, event *mailevent.Event, a *attributes) {
	ctx, now := orBackground(ctx), time.Now()
	if e.pushes(ctx, event) {
		e.push(ctx, now, event, a.list)
	}
	if e.shows(ctx) {
		e.show(ctx, now, event, a.list)
	}
	a.release()
}

func (e *mailEvents) push(ctx context.Context, now time.Time, event *mailevent.Event, attrs []attribute.KeyValue) {
	var r log.Record
	r.SetEventName(event.Name)
	r.SetTimestamp(now)
	r.SetSeverity(log.SeverityInfo)
	r.SetSeverityText(slog.LevelInfo.String())
	r.SetBody(attribute.StringValue(event.Name)) // what many a log viewer shows of a record
	r.AddAttributes(attrs...)
	e.contain(func() { e.logger.Emit(ctx, r) })
}

func (e *mailEvents) show(ctx context.Context, now time.Time, event *mailevent.Event, attrs []attribute.KeyValue) {
	r := slog.NewRecord(now, slog.LevelInfo, event.Name, 0)
	for _, kv := range attrs {
		r.AddAttrs(slog.Any(string(kv.Key), kv.Value.AsInterface()))
	}
	e.contain(func() { _ = e.local.Handle(ctx, r) }) // a log that cannot be written is nothing that the mail waits for
}

// contain calls a provider or a handler, which may be the application's.
func (e *mailEvents) contain(fn func()) {
	if err := contain.Call(fn); err != nil {
		e.reporter.Report("panic", fmt.Errorf("emit a mail event: it %w", err))
	}
}

// takes reports whether somebody listens to an event.
func (t *tracer) takes(ctx context.Context, event *mailevent.Event) bool {
	return t != nil && t.events.takes(ctx, event)
}

// takesAny reports whether somebody listens to one of the events.
func (t *tracer) takesAny(ctx context.Context, events ...*mailevent.Event) bool {
	for _, e := range events {
		if t.takes(ctx, e) {
			return true
		}
	}
	return false
}

// tell emits an event that somebody takes, see [tracer.takes].
func (t *tracer) tell(ctx context.Context, event *mailevent.Event, a *attributes) {
	t.events.emit(ctx, event, a)
}
