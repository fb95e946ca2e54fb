package demo

import (
	"bufio"
	"context"
	"fmt"
	"log/slog"
	"net"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"

	"github.com/rusmes/otelmail"
	"github.com/rusmes/otelmail/export"
)

// quick is the demo on free ports, without traffic of its own.
func quick() Config {
	c := Default()
	for _, address := range []*string{&c.HTTP, &c.SMTP, &c.IMAP, &c.JMAP, &c.POP3} {
		*address = "127.0.0.1:0"
	}
	c.Rate, c.Drain = 0, 0
	c.backoff = []time.Duration{20 * time.Millisecond, 40 * time.Millisecond, 60 * time.Millisecond}
	c.hold = 20 * time.Millisecond
	return c
}

// noEnvironment keeps settings of the machine out of the tests.
func noEnvironment(string) (string, bool) { return "", false }

// begin starts a demo that is not stopped by itself.
func begin(t *testing.T, c Config, extra ...otelmail.StartOption) *Demo {
	t.Helper()
	d, err := tryStart(t, c, extra...)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func tryStart(t *testing.T, c Config, extra ...otelmail.StartOption) (*Demo, error) {
	extra = append([]otelmail.StartOption{otelmail.WithoutGlobals(), otelmail.WithLookupEnv(noEnvironment),
		otelmail.WithLogHandler(slog.NewTextHandler(testLog{t}, &slog.HandlerOptions{Level: slog.LevelInfo}))}, extra...)
	return Start(t.Context(), c, extra...)
}

// testLog shows warnings of the demo in the test's own log.
type testLog struct{ t *testing.T }

func (l testLog) Write(p []byte) (int, error) {
	l.t.Logf("%s", p)
	return len(p), nil
}

// running starts a demo that ends with the test.
func running(t *testing.T, c Config, extra ...otelmail.StartOption) *Demo {
	t.Helper()
	d := begin(t, c, extra...)
	t.Cleanup(func() { stop(t, d) })
	return d
}

func stop(t *testing.T, d *Demo) {
	t.Helper()
	if err := d.Stop(); err != nil {
		t.Errorf("stop: %v", err)
	}
}

// recorded keeps the spans that have ended.
func recorded() (*tracetest.InMemoryExporter, otelmail.StartOption) {
	spans := tracetest.NewInMemoryExporter()
	return spans, otelmail.WithExporter(export.Func(func(_ context.Context, p export.Pipeline) error {
		p.AddSpanProcessor(sdktrace.NewSimpleSpanProcessor(spans))
		return nil
	}))
}

// value reads one series.
func value(t *testing.T, d *Demo, series string, labels ...string) int64 {
	t.Helper()
	v, err := d.tel.Value(series, labels...)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// eventually waits until holds does.
func eventually(t *testing.T, what string, holds func() bool) {
	t.Helper()
	for deadline := time.Now().Add(time.Minute); !holds(); {
		if time.Now().After(deadline) {
			t.Fatalf("not in time: %s", what)
		}
		time.Sleep(5 * time.Millisecond)
	}
}

// idle waits until the queue is empty and every session has ended.
func idle(t *testing.T, d *Demo) {
	t.Helper()
	eventually(t, "the queue is empty and nobody is connected", func() bool {
		return value(t, d, "queue_size") == 0 && value(t, d, "active_connections", "smtp") == 0
	})
}

// talk sends lines to a server and returns the last reply of each, 3 digits.
func talk(t *testing.T, address string, lines ...string) []string {
	t.Helper()
	conn, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if err := conn.SetDeadline(time.Now().Add(time.Minute)); err != nil {
		t.Fatal(err)
	}
	r := bufio.NewReader(conn)
	codes := []string{readCode(t, r)}
	for _, line := range lines {
		fmt.Fprintf(conn, "%s\r\n", line)
		codes = append(codes, readCode(t, r))
	}
	return codes
}

func readCode(t *testing.T, r *bufio.Reader) string {
	t.Helper()
	for {
		line, err := r.ReadString('\n')
		if err != nil || len(line) < 4 {
			t.Fatalf("reply %q: %v", line, err)
		}
		if line[3] == ' ' {
			return line[:3]
		}
	}
}

// messagesTaken keeps what the second server takes.
type messagesTaken struct {
	mu    sync.Mutex
	texts []string
}

func (m *messagesTaken) watch(d *Demo) {
	d.remote.watch(func(message []byte) {
		m.mu.Lock()
		defer m.mu.Unlock()
		m.texts = append(m.texts, string(message))
	})
}

// files lists a directory.
func files(t *testing.T, dir string) []string {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, e := range entries {
		if !strings.HasPrefix(e.Name(), ".") { // the storage check's
			names = append(names, e.Name())
		}
	}
	return names
}
