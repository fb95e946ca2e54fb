package otelmailtest_test

import (
	"bytes"
	"context"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/trace"

	"github.com/rusmes/otelmail"
	"github.com/rusmes/otelmail/exporters/otlp"
	"github.com/rusmes/otelmail/otelmailtest"
)

// push starts a Telemetry that pushes to the receiver.
func push(t testing.TB, to *otelmailtest.Receiver, opts ...otlp.Option) *otelmail.Telemetry {
	t.Helper()
	tel, err := otelmail.Start(context.Background(), otelmail.WithoutGlobals(), otelmail.WithShutdownTimeout(time.Minute), otelmail.WithService("mx", "1"),
		otelmail.WithLookupEnv(func(name string) (string, bool) { return "1", name == "OTEL_BSP_SCHEDULE_DELAY" }),
		otelmail.WithErrorHandler(func(error) {}), otelmail.WithLogHandler(slog.DiscardHandler),
		otlp.Push(append([]otlp.Option{otlp.Endpoint(to.URL), otlp.Protocol(otlp.HTTP)}, opts...)...))
	if err != nil {
		t.Fatal(err)
	}
	return tel
}

// TestReceiver: what arrives is what a Recorder of the same would have.
func TestReceiver(t *testing.T) {
	t.Parallel()
	for name, opts := range map[string][]otlp.Option{
		"plain": nil, "gzip": {otlp.Compression(otlp.Gzip)}, "differences": {otlp.Temporality(otlp.Delta)},
	} {
		t.Run(name, func(t *testing.T) {
			r := otelmailtest.NewReceiver(t)
			tel := push(t, r, opts...)
			session(tel)
			_, own := tel.TracerProvider().Tracer("own").Start(t.Context(), "own", trace.WithAttributes(
				attribute.Bool("bool", true), attribute.Float64("float", 0.5), attribute.Int("int", 7),
				attribute.StringSlice("texts", []string{"a", "b"})))
			own.AddEvent("happened")
			own.End()
			if err := tel.Shutdown(t.Context()); err != nil {
				t.Fatal(err)
			}
			r.Moved(moved)
			r.Has(otelmailtest.Series{"rusmes_smtp_session_duration_seconds_count": 1,
				`rusmes_smtp_session_duration_seconds_bucket{le="0.5"}`: 0, `rusmes_smtp_session_duration_seconds_bucket{le="+Inf"}`: 1,
				`rusmes_active_connections{protocol="smtp"}`: 0})
			r.Tree(tree + "\nown [internal]")
			r.Span("SMTP RCPT").Has(otelmailtest.Attributes{"smtp.response.status_code": 550})
			r.Span("own").HasOnly(otelmailtest.Attributes{"bool": true, "float": 0.5, "int": 7, "texts": []string{"a", "b"}})
			if events := r.Span("own").Events(); len(events) != 1 || events[0].Name != "happened" {
				t.Errorf("events %v", events)
			}
			if service, _ := r.Span("own").Resource().Set().Value("service.name"); service.AsString() != "mx" {
				t.Errorf("service.name %q", service.AsString())
			}
			r.Events("email.rejected", "email.queued", "email.accepted")
			r.Logs("WARN the disk is full")
			if id := r.Event("email.queued").TraceID(); id != r.Span("queue enqueue").SpanContext().TraceID() {
				t.Errorf("the event is of trace %v", id)
			}
			r.Leaks("canary@example.org")
			r.Mark()
			r.Moved(nil)
			r.Tree("")
			r.Events()
		})
	}
}

func TestReceiverFindsLeaks(t *testing.T) {
	said := fails(t, func(t testing.TB) {
		r := otelmailtest.NewReceiver(t)
		tel := push(t, r)
		_, span := tel.TracerProvider().Tracer("own").Start(context.Background(), "for Canary%40example.org")
		span.End()
		tel.Logger().Info("canary")
		_ = tel.Shutdown(context.Background())
		r.Leaks("canary@example.org")
	})
	for _, place := range []string{"resource_spans.scope_spans.spans.name: \"for Canary%40example.org\"",
		"resource_logs.scope_logs.log_records.body.string_value: \"canary\""} {
		if !strings.Contains(said, place) {
			t.Errorf("Leaks does not say %s, but\n%s", place, said)
		}
	}
}

// TestReceiverWaits for a push that comes at its interval.
func TestReceiverWaits(t *testing.T) {
	t.Parallel()
	r := otelmailtest.NewReceiver(t)
	tel := push(t, r, otlp.Interval(10*time.Millisecond))
	t.Cleanup(func() { _ = tel.Shutdown(context.Background()) })
	go session(tel)
	r.Has(otelmailtest.Series{"rusmes_smtp_session_duration_seconds_count": 1})
	r.Span("SMTP session")
}

// TestReceiverRefuses and takes the same afterwards.
func TestReceiverRefuses(t *testing.T) {
	t.Parallel()
	r := otelmailtest.NewReceiver(t)
	var refused atomic.Int64
	r.Answer(func(w http.ResponseWriter, request *http.Request) bool {
		if request.URL.Path != "/v1/traces" || refused.Add(1) > 2 {
			return false
		}
		w.Header().Set("Retry-After", "0")
		w.WriteHeader(http.StatusServiceUnavailable)
		return true
	})
	tel := push(t, r)
	session(tel)
	r.Span("SMTP session")
	if got := refused.Load(); got < 3 {
		t.Errorf("%d requests, want two that were refused and one that was taken", got)
	}
	r.Answer(nil)
	if err := tel.Shutdown(t.Context()); err != nil {
		t.Error(err)
	}
}

// TestReceiverThatHangs ends with the test.
func TestReceiverThatHangs(t *testing.T) {
	t.Parallel()
	r := otelmailtest.NewReceiver(t)
	r.Answer(func(_ http.ResponseWriter, request *http.Request) bool {
		_, _ = io.Copy(io.Discard, request.Body)
		<-request.Context().Done()
		return true
	})
	tel := push(t, r)
	session(tel)
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if err := tel.Shutdown(ctx); err == nil {
		t.Error("all has arrived")
	}
	r.Tree("")
}

// TestReceiverIsStrict: what OTLP over HTTP does not have is refused, and said why.
func TestReceiverIsStrict(t *testing.T) {
	r := otelmailtest.NewReceiver(t)
	for _, tt := range []struct {
		method, path, kind, encoding, body string
		code                               int
		says                               string
	}{
		{"GET", "/v1/traces", "application/x-protobuf", "", "", 405, "GET: only POST is taken"},
		{"POST", "/v1/traces", "application/json", "", "{}", 415, `content type "application/json": only application/x-protobuf is taken`},
		{"POST", "/v1/traces", "application/x-protobuf", "zstd", "", 415, `content encoding "zstd": only gzip is taken`},
		{"POST", "/v1/traces", "application/x-protobuf", "gzip", "x", 400, "gzip: "},
		{"POST", "/v1/profiles", "application/x-protobuf", "", "", 404, "path /v1/profiles: want /v1/traces, /v1/metrics or /v1/logs"},
		{"POST", "/v1/logs", "application/x-protobuf", "", "\xff", 400, "/v1/logs: "},
		{"POST", "/v1/metrics", "application/x-protobuf", "", "", 200, ""},
	} {
		request, err := http.NewRequestWithContext(t.Context(), tt.method, r.URL+tt.path, bytes.NewReader([]byte(tt.body)))
		if err != nil {
			t.Fatal(err)
		}
		request.Header.Set("Content-Type", tt.kind)
		if tt.encoding != "" {
			request.Header.Set("Content-Encoding", tt.encoding)
		}
		answer, err := http.DefaultClient.Do(request)
		if err != nil {
			t.Fatal(err)
		}
		said, _ := io.ReadAll(answer.Body)
		_ = answer.Body.Close()
		if answer.StatusCode != tt.code || !strings.HasPrefix(string(said), tt.says) {
			t.Errorf("%s %s: %d %q, want %d %q", tt.method, tt.path, answer.StatusCode, said, tt.code, tt.says)
		}
	}
}
