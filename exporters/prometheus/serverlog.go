package prometheus

import (
	"context"
	"fmt"
	"log/slog"
	"strings"

	"github.com/rusmes/otelmail/internal/report"
)

// serverLog gives the error handler what net/http and exporter-toolkit log as
// errors, at most one a minute: a stranger can cause them at will by failing TLS
// handshakes. The rest ("listening on …") is dropped.
type serverLog struct {
	reporter *report.Reporter
	attrs    []slog.Attr
}

func newServerLog(handle func(error)) serverLog { return serverLog{reporter: newReporter(handle)} }

func (serverLog) Enabled(_ context.Context, level slog.Level) bool { return level >= slog.LevelError }

func (l serverLog) Handle(_ context.Context, r slog.Record) error {
	text := strings.TrimSpace(r.Message)
	add := func(a slog.Attr) bool { text += fmt.Sprintf(", %s: %s", a.Key, a.Value); return true }
	for _, a := range l.attrs {
		add(a)
	}
	r.Attrs(add)
	l.reporter.Report("server", fmt.Errorf("server: %s", text))
	return nil
}

func (l serverLog) WithAttrs(attrs []slog.Attr) slog.Handler {
	l.attrs = append(l.attrs[:len(l.attrs):len(l.attrs)], attrs...)
	return l
}

// WithGroup changes nothing: the messages are read by people.
func (l serverLog) WithGroup(string) slog.Handler { return l }
