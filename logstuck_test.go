//go:build unix

package otelmail_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/rusmes/otelmail"
)

// probe asks one of the probes.
func probe(tel *otelmail.Telemetry, path string) (int, string) {
	rec := httptest.NewRecorder()
	tel.Health.Handler().ServeHTTP(rec, httptest.NewRequest(http.MethodGet, path, nil))
	return rec.Code, rec.Body.String()
}

func dropped(t *testing.T, tel *otelmail.Telemetry, reason string) int {
	t.Helper()
	n, err := tel.Value("telemetry_local_log_dropped_total", reason)
	if err != nil {
		t.Fatal(err)
	}
	return int(n)
}

// TestStuckLog: nobody reads the FIFO that the log goes to. Nothing waits for that, memory
// is bounded, what is dropped is counted and shown, and it is said when there is a
// reader again. What was written is in order.
func TestStuckLog(t *testing.T) {
	t.Parallel()
	fifo := filepath.Join(t.TempDir(), "log")
	if err := syscall.Mkfifo(fifo, 0o600); err != nil {
		t.Fatal(err)
	}
	began := time.Now()
	tel, _ := start(t, lookup("RUSMES_LOG_OUTPUT", fifo)) // hangs where a FIFO is opened for writing alone
	eventually(t, "ready", func() bool { code, _ := probe(tel, "/ready"); return code == http.StatusOK })
	const each, loggers = 5_000, 4
	var logging sync.WaitGroup
	for logger := range loggers {
		logging.Go(func() {
			for i := range each {
				tel.Logger().Info("line", "logger", logger, "i", i, "padding", strings.Repeat("x", 100))
			}
		})
	}
	logging.Wait()
	if took := time.Since(began); took > patience {
		t.Errorf("the loggers took %v", took)
	}
	lost := dropped(t, tel, "queue_full")
	if lost < each*loggers/2 || lost >= each*loggers {
		t.Errorf("%d of %d records dropped", lost, each*loggers)
	}
	eventually(t, "/health shows that the log is stuck", func() bool {
		code, body := probe(tel, "/health")
		return code == http.StatusServiceUnavailable && strings.Contains(body, `"log":"unhealthy"`)
	})
	for _, path := range []string{"/ready", "/live"} {
		if code, body := probe(tel, path); code != http.StatusOK {
			t.Errorf("%s answers %d %s: a stuck log must not drain or kill the server", path, code, body)
		}
	}

	reader, err := os.Open(fifo)
	if err != nil {
		t.Fatal(err)
	}
	defer reader.Close()
	var next [loggers]int
	read, said := 0, 0
	for lines := bufio.NewScanner(reader); read+said < each*loggers && lines.Scan(); {
		var logger, i, n int
		line := lines.Text()
		if at := strings.Index(line, "msg=line"); at > 0 {
			if _, err := fmt.Sscanf(line[at:], "msg=line logger=%d i=%d", &logger, &i); err != nil {
				t.Fatalf("%q: %v", line, err)
			}
			if i < next[logger] {
				t.Errorf("logger %d: line %d after %d", logger, i, next[logger]-1)
			}
			next[logger] = i + 1
			read++
		} else if at := strings.Index(line, `msg="records of this log were lost"`); at > 0 {
			if _, err := fmt.Sscanf(line[at:], `msg="records of this log were lost" lost=%d`, &n); err != nil {
				t.Fatalf("%q: %v", line, err)
			}
			said += n
		} else {
			t.Errorf("a strange line: %q", line)
		}
	}
	if said != lost || read != each*loggers-lost {
		t.Errorf("%d lines, and %d said to be lost; want %d and %d", read, said, each*loggers-lost, lost)
	}
	eventually(t, "/health shows that the log is written again", func() bool {
		code, body := probe(tel, "/health")
		return code == http.StatusOK && strings.Contains(body, `"log":"healthy"`)
	})
	tel.Logger().Info("last")
	if line, err := bufio.NewReader(reader).ReadString('\n'); err != nil || !strings.Contains(line, "msg=last") {
		t.Errorf("after it: %q, %v", line, err)
	}
}

// TestShutdownWithAStuckLog is bounded, and says what was not written.
func TestShutdownWithAStuckLog(t *testing.T) {
	t.Parallel()
	stuck := make(chan struct{})
	defer close(stuck)
	tel, err := otelmail.Start(t.Context(), otelmail.WithoutGlobals(), lookup(), otelmail.WithLogHandler(handlerFunc(func() error { <-stuck; return nil })))
	if err != nil {
		t.Fatal(err)
	}
	for range 5 {
		tel.Logger().Info("line")
	}
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Second)
	defer cancel()
	began := time.Now()
	err = tel.Shutdown(ctx)
	if err == nil || !strings.Contains(err.Error(), "shut down log output: the local log is stuck: 5 records were not written") {
		t.Errorf("the error is %v", err)
	}
	if took := time.Since(began); took > patience {
		t.Errorf("it took %v", took)
	}
}

// handlerFunc is a handler of an application's own.
type handlerFunc func() error

func (h handlerFunc) Enabled(context.Context, slog.Level) bool  { return true }
func (h handlerFunc) Handle(context.Context, slog.Record) error { return h() }
func (h handlerFunc) WithAttrs([]slog.Attr) slog.Handler        { return h }
func (h handlerFunc) WithGroup(string) slog.Handler             { return h }

type panicsThroughout struct{}

func (panicsThroughout) Enabled(context.Context, slog.Level) bool  { panic("Enabled") }
func (panicsThroughout) Handle(context.Context, slog.Record) error { panic("Handle") }
func (panicsThroughout) WithAttrs([]slog.Attr) slog.Handler        { panic("WithAttrs") }
func (panicsThroughout) WithGroup(string) slog.Handler             { panic("WithGroup") }

// TestHandlersThatMisbehave: a local handler of the application's own that panics, ends
// its goroutine, fails or hangs loses its records, which are counted, and nothing else.
func TestHandlersThatMisbehave(t *testing.T) {
	t.Parallel()
	hang := make(chan struct{})
	for name, tc := range map[string]struct {
		handler slog.Handler
		reason  string
	}{
		"panics in all methods": {panicsThroughout{}, "handler_panic"},
		"ends its goroutine":    {handlerFunc(func() error { runtime.Goexit(); return nil }), "handler_panic"},
		"fails":                 {handlerFunc(func() error { return errors.New("disk full") }), "write_failed"},
		"is nil":                {(*slog.TextHandler)(nil), "handler_panic"},
		"hangs":                 {handlerFunc(func() error { <-hang; return nil }), ""},
	} {
		t.Run(name, func(t *testing.T) {
			var pushed logRecorder
			tel, err := otelmail.Start(t.Context(), otelmail.WithoutGlobals(), lookup(), pushTo(&pushed), otelmail.WithLogHandler(tc.handler))
			if err != nil {
				t.Fatal(err)
			}
			log := tel.Logger().With("a", 1).WithGroup("g")
			for range 3 {
				log.InfoContext(t.Context(), "line", "b", 2)
			}
			if len(pushed.records) != 3 {
				t.Errorf("%d records pushed, want 3", len(pushed.records))
			}
			if tc.reason == "" {
				close(hang)
				if err := tel.Shutdown(context.Background()); err != nil {
					t.Error(err)
				}
				return
			}
			eventually(t, "all 3 are counted", func() bool { return dropped(t, tel, tc.reason) == 3 })
			eventually(t, "/health shows it", func() bool {
				_, body := probe(tel, "/health")
				return strings.Contains(body, `"log":"unhealthy"`)
			})
			if err := tel.Shutdown(context.Background()); err == nil || !strings.Contains(err.Error(), "3 records of the local log were lost: ") {
				t.Errorf("shutdown: %v", err)
			}
		})
	}
}

// TestLostRecordsAreTold as soon as something can be written, once.
func TestLostRecordsAreTold(t *testing.T) {
	var text lockedBuffer
	var broken switchable
	tel, _ := start(t, otelmail.WithLogHandler(slog.NewTextHandler(io.MultiWriter(&broken, &text), nil)))
	tel.Logger().Info("one")
	broken.set(true)
	for range 7 {
		tel.Logger().Info("lost")
	}
	broken.set(false)
	tel.Logger().Info("two")
	tel.Logger().Info("three")
	if err := tel.Shutdown(context.Background()); err != nil {
		t.Error(err)
	}
	var said []string
	for line := range strings.Lines(text.String()) {
		_, message, _ := strings.Cut(strings.TrimSpace(line), " level=")
		said = append(said, message)
	}
	want := []string{"INFO msg=one", "INFO msg=two", `WARN msg="records of this log were lost" lost=7`, "INFO msg=three"}
	if fmt.Sprint(said) != fmt.Sprint(want) {
		t.Errorf("the log says %q, want %q", said, want)
	}
	if n := dropped(t, tel, "write_failed"); n != 7 {
		t.Errorf("%d counted, want 7", n)
	}
}

type switchable struct {
	mu  sync.Mutex
	off bool
}

func (s *switchable) set(off bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.off = off
}

func (s *switchable) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.off {
		return 0, errors.New("no space left on device")
	}
	return len(p), nil
}
