package logtee_test

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"testing"
	"time"

	"go.opentelemetry.io/otel/trace"

	"github.com/rusmes/otelmail/internal/logtee"
)

// plain writes records without the time.
func plain(out *bytes.Buffer, level slog.Level) slog.Handler {
	return slog.NewTextHandler(out, &slog.HandlerOptions{Level: level, ReplaceAttr: func(groups []string, a slog.Attr) slog.Attr {
		if len(groups) == 0 && a.Key == slog.TimeKey {
			return slog.Attr{}
		}
		return a
	}})
}

// tee returns one that must lose nothing.
func tee(t *testing.T) *logtee.Tee {
	t.Helper()
	return &logtee.Tee{
		Queue:  logtee.NewQueue(func(why logtee.Loss) { t.Errorf("lost a record: %v", why) }, nil),
		Report: func(err error) { t.Error(err) },
	}
}

func TestBothSides(t *testing.T) {
	var local, pushed bytes.Buffer
	h := tee(t).New(plain(&local, slog.LevelWarn), logtee.AtLevel(slog.LevelInfo, plain(&pushed, slog.LevelDebug)), time.Minute)
	ctx := trace.ContextWithSpanContext(t.Context(), trace.NewSpanContext(trace.SpanContextConfig{
		TraceID: trace.TraceID{1}, SpanID: trace.SpanID{2},
	}))
	log := slog.New(h)
	log.With("a", 1).WithGroup("g").With("b", 2).WarnContext(ctx, "in a span", "c", 3)
	log.Warn("outside")
	log.Info("only pushed")
	log.Debug("neither")
	const wantLocal = "level=WARN msg=\"in a span\" a=1 trace_id=01000000000000000000000000000000 span_id=0200000000000000 g.b=2 g.c=3\n" +
		"level=WARN msg=outside\n"
	const wantPushed = "level=WARN msg=\"in a span\" a=1 g.b=2 g.c=3\nlevel=WARN msg=outside\nlevel=INFO msg=\"only pushed\"\n"
	if local.String() != wantLocal {
		t.Errorf("local:\n%swant\n%s", local.String(), wantLocal)
	}
	if pushed.String() != wantPushed {
		t.Errorf("pushed:\n%swant\n%s", pushed.String(), wantPushed)
	}
}

type failing struct{ slog.Handler }

func (failing) Handle(context.Context, slog.Record) error { return errors.New("full") }

func TestOneSideFails(t *testing.T) {
	var local bytes.Buffer
	h := tee(t).New(plain(&local, slog.LevelInfo), failing{plain(&local, slog.LevelInfo)}, time.Minute)
	err := h.Handle(t.Context(), slog.Record{Message: "still here", Level: slog.LevelInfo})
	if err == nil || local.String() != "level=INFO msg=\"still here\"\n" {
		t.Errorf("local has %q, error %v", local.String(), err)
	}
}
