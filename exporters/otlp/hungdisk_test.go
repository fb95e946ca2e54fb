package otlp

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/rusmes/otelmail"
	"github.com/rusmes/otelmail/export"
	"github.com/rusmes/otelmail/exporters/otlp/internal/store"
)

// While the disk hangs, ending a span does not wait for it: what does not fit the queue is
// dropped and counted to the last one, and the shutdown is bounded.
func TestHungDisk(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	defer server.Close()
	e := NewPusher(Endpoint(server.URL), Buffer(t.TempDir()), Metrics(Off()), Logs(Off()))
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
	release := e.store.Hold()
	begun := time.Now()
	for range 5000 {
		_, span := tel.TracerProvider().Tracer("test").Start(context.Background(), "a")
		span.End()
	}
	if took := time.Since(begun); took > 30*time.Second {
		t.Errorf("5000 spans took %v", took)
	}
	s := e.Stats()[0]
	// One batch of ten is with the writer.
	if s.Produced != 5000 || s.Dropped.QueueFull+s.Waiting != 5000 || s.Waiting < 100 || s.Waiting > 110 {
		t.Errorf("while the disk hangs: %+v", s)
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	begun = time.Now()
	err = tel.Shutdown(ctx)
	if took := time.Since(begun); took > 30*time.Second {
		t.Errorf("Shutdown took %v of 1 s", took)
	}
	if err == nil || !strings.Contains(err.Error(), "queue_full") {
		t.Errorf("Shutdown: %v", err)
	}
	release()
	// The store is closed when the disk works again.
	for deadline := time.Now().Add(time.Minute); ; {
		again, err := store.Open(e.store.Config)
		if err == nil {
			_ = again.Leave(context.Background())
			break
		}
		if time.Now().After(deadline) {
			t.Fatalf("the store is still open: %v", err)
		}
	}
}

// A start that fails after the buffer was opened closes it again.
func TestFailedStartClosesTheBuffer(t *testing.T) {
	dir := t.TempDir()
	push := func() otelmail.StartOption { return Push(Endpoint("http://127.0.0.1:1"), Buffer(dir)) }
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

func (never) Open(context.Context, export.Pipeline) error {
	return errors.New("this one never opens")
}
