package prometheus

import (
	"context"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"time"
)

// serverLog gives the error handler what net/http and exporter-toolkit log as
// errors, one a minute: a stranger can cause them at will by failing TLS
// handshakes. The rest ("listening on …") is dropped.
type serverLog struct {
	state *logState
	attrs []slog.Attr
}

type logState struct {
	handle func(error)
	mu     sync.Mutex
	quiet  time.Time
}

func newServerLog(handle func(error)) serverLog { return serverLog{state: &logState{handle: handle}} }

func (serverLog) Enabled(_ context.Context, level slog.Level) bool { return level >= slog.LevelError }

func (l serverLog) Handle(_ context.Context, r slog.Record) error {
	l.state.mu.Lock()
	quiet := time.Now().Before(l.state.quiet)
	if !quiet {
		l.state.quiet = time.Now().Add(reportEvery)
	}
	l.state.mu.Unlock()
	if quiet {
		return nil
	}
	text := strings.TrimSpace(r.Message)
	add := func(a slog.Attr) bool { text += fmt.Sprintf(", %s: %s", a.Key, a.Value); return true }
	for _, a := range l.attrs {
		add(a)
	}
	r.Attrs(add)
	l.state.handle(&reported{err: fmt.Errorf("server: %s", text)})
	return nil
}

func (l serverLog) WithAttrs(attrs []slog.Attr) slog.Handler {
	l.attrs = append(l.attrs[:len(l.attrs):len(l.attrs)], attrs...)
	return l
}

// WithGroup changes nothing: the messages are read by people.
func (l serverLog) WithGroup(string) slog.Handler { return l }
