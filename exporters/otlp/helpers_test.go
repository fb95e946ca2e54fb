package otlp_test

import (
	"context"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/log"
	"go.opentelemetry.io/otel/metric"

	"github.com/rusmes/otelmail"
	"github.com/rusmes/otelmail/exporters/otlp"
	"github.com/rusmes/otelmail/exporters/otlp/otlpgrpc"
)

// env is the environment of a test: name, value, name, value.
func env(pairs ...string) otelmail.Option {
	return otelmail.WithLookupEnv(func(name string) (string, bool) {
		for i := 0; i < len(pairs); i += 2 {
			if pairs[i] == name {
				return pairs[i+1], true
			}
		}
		return "", false
	})
}

// background collects what is reported in the background.
type background struct {
	mu   sync.Mutex
	errs []string
}

func (b *background) handle(err error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.errs = append(b.errs, err.Error())
}

func (b *background) all() []string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return append([]string(nil), b.errs...)
}

// push is Push, with gRPC.
func push(opts ...otlp.Option) otelmail.StartOption { return otelmail.WithExporter(newPusher(opts...)) }

// newPusher is NewPusher, with gRPC.
func newPusher(opts ...otlp.Option) *otlp.Pusher {
	return otlp.NewPusher(append(slices.Clone(opts), otlp.Enable(otlpgrpc.Transport()))...)
}

// start starts telemetry with its own background.
func start(t *testing.T, opts ...otelmail.StartOption) (*otelmail.Telemetry, *background) {
	t.Helper()
	b := &background{}
	opts = append([]otelmail.StartOption{otelmail.WithoutGlobals(), otelmail.WithErrorHandler(b.handle)}, opts...)
	tel, err := otelmail.Start(t.Context(), opts...)
	if err != nil {
		t.Fatalf("Start: %v", err)
	}
	t.Cleanup(func() { _ = shutdown(tel, time.Second) })
	return tel, b
}

func shutdown(tel *otelmail.Telemetry, within time.Duration) error {
	ctx, cancel := context.WithTimeout(context.Background(), within)
	defer cancel()
	return tel.Shutdown(ctx)
}

func emitSpans(tel *otelmail.Telemetry, name string, n int, attrs ...attribute.KeyValue) {
	tracer := tel.TracerProvider().Tracer("test")
	for range n {
		_, span := tracer.Start(context.Background(), name)
		span.SetAttributes(attrs...)
		span.End()
	}
}

func emitLogs(tel *otelmail.Telemetry, body string, n int, attrs ...attribute.KeyValue) {
	logger := tel.LoggerProvider().Logger("test")
	for range n {
		var r log.Record
		r.SetBody(attribute.StringValue(body))
		r.AddAttributes(attrs...)
		logger.Emit(context.Background(), r)
	}
}

func count(t *testing.T, tel *otelmail.Telemetry, name string, n int64, attrs ...attribute.KeyValue) {
	t.Helper()
	c, err := tel.MeterProvider().Meter("test").Int64Counter(name)
	if err != nil {
		t.Fatal(err)
	}
	c.Add(context.Background(), n, metric.WithAttributes(attrs...))
}

// patience is how long a test waits for what has to come: it costs nothing where that comes. What has to be
// over at once, and not only at its deadline, has half of it: a busy machine is slow.
const patience = time.Minute

// eventually polls until ok holds.
func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	deadline := time.Now().Add(patience)
	for !ok() {
		if time.Now().After(deadline) {
			t.Fatalf("after %v still not: %s", patience, what)
		}
		time.Sleep(5 * time.Millisecond)
	}
}

// ourGoroutines counts the goroutines that run code of the exporter, the SDK's
// batch processors or a gRPC client.
func ourGoroutines() (n int, stacks string) {
	buf := make([]byte, 4<<20)
	buf = buf[:runtime.Stack(buf, true)]
	var found []string
	for stack := range strings.SplitSeq(string(buf), "\n\n") {
		if strings.Contains(stack, "otelmail/exporters/otlp.") ||
			strings.Contains(stack, "BatchProcessor") || strings.Contains(stack, "batchSpanProcessor") ||
			strings.Contains(stack, "http2Client") || strings.Contains(stack, "net/http.(*persistConn)") ||
			strings.Contains(stack, "grpcsync.(*CallbackSerializer)") {
			found = append(found, stack)
		}
	}
	return len(found), strings.Join(found, "\n\n")
}

// noLeak fails if goroutines of ours are left when the test ends.
func noLeak(t *testing.T) {
	t.Helper()
	t.Cleanup(func() {
		if n, stacks := goroutinesLeft(); n > 0 {
			t.Errorf("%d goroutines left:\n%s", n, stacks)
		}
	})
}

// goroutinesLeft waits for ours to end, within reason.
func goroutinesLeft() (n int, stacks string) {
	for deadline := time.Now().Add(patience); ; time.Sleep(10 * time.Millisecond) {
		if n, stacks = ourGoroutines(); n == 0 || time.Now().After(deadline) {
			return n, stacks
		}
	}
}

// only pushes one signal.
func only(signal string) []otlp.Option {
	var opts []otlp.Option
	if signal != "traces" {
		opts = append(opts, otlp.Traces(otlp.Off()))
	}
	if signal != "metrics" {
		opts = append(opts, otlp.Metrics(otlp.Off()))
	}
	if signal != "logs" {
		opts = append(opts, otlp.Logs(otlp.Off()))
	}
	return opts
}

func wantParts(t *testing.T, err error, parts ...string) {
	t.Helper()
	if err == nil {
		t.Fatalf("no error, want one with %q", parts)
	}
	for _, part := range parts {
		if !strings.Contains(err.Error(), part) {
			t.Errorf("error lacks %q:\n%v", part, err)
		}
	}
}
