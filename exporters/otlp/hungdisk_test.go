package otlp

import (
	"bytes"
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/rusmes/otelmail"
)

// While the disk hangs, ending a span does not wait for it: what the queue has no
// room for is dropped and counted to the last one, and the shutdown is bounded.
func TestHungDisk(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	defer server.Close()
	e := &exporter{opts: []Option{Endpoint(server.URL), Buffer(t.TempDir()), Metrics(Off()), Logs(Off())}}
	tel, err := otelmail.Start(t.Context(), otelmail.WithoutGlobals(), otelmail.WithExporter(e),
		otelmail.WithErrorHandler(func(error) {}),
		otelmail.WithLookupEnv(func(name string) (string, bool) {
			switch name {
			case "OTEL_BSP_MAX_QUEUE_SIZE":
				return "100", true
			case "OTEL_BSP_MAX_EXPORT_BATCH_SIZE":
				return "10", true
			}
			return "", false
		}))
	if err != nil {
		t.Fatal(err)
	}
	e.store.disk.Lock()
	begun := time.Now()
	for range 5000 {
		_, span := tel.TracerProvider().Tracer("test").Start(context.Background(), "a")
		span.End()
	}
	if took := time.Since(begun); took > 2*time.Second {
		t.Errorf("5000 spans took %v", took)
	}
	s := e.stats()[0]
	// One batch of ten is with the writer.
	if s.Produced != 5000 || s.Dropped.QueueFull+s.Waiting() != 5000 || s.Waiting() < 100 || s.Waiting() > 110 {
		t.Errorf("while the disk hangs: %+v", s)
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	begun = time.Now()
	err = tel.Shutdown(ctx)
	if took := time.Since(begun); took > 3*time.Second {
		t.Errorf("Shutdown took %v of 1 s", took)
	}
	if err == nil || !strings.Contains(err.Error(), "queue_full") {
		t.Errorf("Shutdown: %v", err)
	}
	e.store.disk.Unlock()
	<-e.store.ended // the store is closed when the disk is back
}

// A disk that never takes anything: memory is bounded, the first requests are
// kept and can be sent, and the others are counted.
func TestDiskThatFails(t *testing.T) {
	s, h := mustOpen(t, choiceFor(t.TempDir()))
	fill(s, traces, 0, 2, 10)
	s.disk.Lock()
	s.broken = errors.New("the disk is gone")
	s.disk.Unlock()
	const size = 1 << 20
	fill(s, logs, 0, 20, size)
	a := s.account(logs)
	l := s.ledger(a)
	if kept := l.memory; kept != mostPending/size || l.dropped[diskFailed] != 20-kept || !l.balanced() {
		t.Errorf("counts: %+v", l)
	}
	if said := h.all(); !strings.Contains(said, "the disk is gone") || !strings.Contains(said, "memory for it is full") {
		t.Errorf("reports: %.500s", said)
	}
	e, body, ok := s.pick(a)
	if !ok || !bytes.HasPrefix(body, []byte("00000000")) {
		t.Fatalf("picked %.8q, %v", body, ok)
	}
	s.settle(a, e, 1, rejected)
	if l = s.ledger(a); l.sent != 1 || !l.balanced() {
		t.Errorf("counts: %+v", l)
	}
	// It works again: everything is written, in order.
	s.disk.Lock()
	s.broken = nil
	s.commit()
	s.disk.Unlock()
	if l = s.ledger(a); l.memory != 0 || !l.balanced() {
		t.Errorf("counts: %+v", l)
	}
	if got := strings.Join(empty(s, traces), " "); got != numbers(0, 2) {
		t.Errorf("spans: %s", got)
	}
	// 15 requests of 1 MiB and a little do not fit a buffer of 8 MiB.
	if got := strings.Join(empty(s, logs), " "); got != numbers(9, 7) {
		t.Errorf("records: %s", got)
	}
}

// A start that fails further on closes the buffer again.
func TestFailedStartClosesTheBuffer(t *testing.T) {
	dir := t.TempDir()
	push := func() otelmail.Option { return Push(Endpoint("http://127.0.0.1:1"), Buffer(dir)) }
	_, err := otelmail.Start(t.Context(), otelmail.WithoutGlobals(), push(), otelmail.WithExporter(never{}))
	if err == nil || !strings.Contains(err.Error(), "this one never opens") {
		t.Fatalf("Start: %v", err)
	}
	tel, err := otelmail.Start(t.Context(), otelmail.WithoutGlobals(), push(), otelmail.WithErrorHandler(func(error) {}))
	if err != nil {
		t.Fatalf("the second Start: %v", err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	if err := tel.Shutdown(ctx); err != nil {
		t.Errorf("Shutdown: %v", err)
	}
}

// never is an exporter that does not open.
type never struct{}

func (never) Open(context.Context, *otelmail.Pipeline) error {
	return errors.New("this one never opens")
}
