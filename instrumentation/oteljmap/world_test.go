package oteljmap_test

import (
	"context"
	"io"
	"log"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/propagation"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"

	"github.com/rusmes/otelmail"
	"github.com/rusmes/otelmail/instrumentation/oteljmap"
	"github.com/rusmes/otelmail/internal/registry"
)

// patience is how long a test waits for what must happen.
const patience = 10 * time.Second

// world is a Telemetry and everything it has recorded.
type world struct {
	t     *testing.T
	tel   *otelmail.Telemetry
	spans *tracetest.SpanRecorder
}

func newWorld(t *testing.T, sampler sdktrace.Sampler, opts ...otelmail.NewOption) *world {
	t.Helper()
	w := &world{t: t, spans: tracetest.NewSpanRecorder()}
	tel, err := otelmail.New(append([]otelmail.NewOption{
		otelmail.WithMeterProvider(sdkmetric.NewMeterProvider(sdkmetric.WithReader(sdkmetric.NewManualReader()))),
		otelmail.WithTracerProvider(sdktrace.NewTracerProvider(sdktrace.WithSpanProcessor(w.spans), sdktrace.WithSampler(sampler))),
		otelmail.WithPropagator(propagation.NewCompositeTextMapPropagator(propagation.TraceContext{}, propagation.Baggage{})),
	}, opts...)...)
	if err != nil {
		t.Fatal(err)
	}
	w.tel = tel
	t.Cleanup(func() { _ = tel.Shutdown(context.Background()) })
	t.Cleanup(w.holdsConventions)
	return w
}

// conventions are those of the committed registry.
var conventions = sync.OnceValue(func() *registry.Telemetry {
	r, err := registry.Read(os.DirFS("../../registry"))
	if err != nil {
		panic(err)
	}
	return r.Telemetry()
})

// holdsConventions wants the spans of otelmail to be as the registry has them.
func (w *world) holdsConventions() {
	for _, s := range w.spans.Ended() {
		if !strings.HasPrefix(s.InstrumentationScope().Name, otelmail.ScopeName) {
			continue
		}
		attributes := map[string]any{}
		for _, kv := range s.Attributes() {
			attributes[string(kv.Key)] = kv.Value.AsInterface()
		}
		if _, err := conventions().Span(s.Name(), s.SpanKind().String(), s.Status().Code == codes.Error, attributes); err != nil {
			w.t.Error(err)
		}
	}
}

// sampled is a world in which every span is recorded.
func sampled(t *testing.T) *world { return newWorld(t, sdktrace.AlwaysSample()) }

// serve serves h over real connections.
func (w *world) serve(h http.Handler) *httptest.Server {
	w.t.Helper()
	server := httptest.NewUnstartedServer(h)
	server.Config.ErrorLog = log.New(io.Discard, "", 0)
	server.Start()
	w.t.Cleanup(server.Close)
	return server
}

// post sends an API request and returns the status and the body of the answer.
func (w *world) post(url, body string) (int, string) {
	w.t.Helper()
	resp, err := http.Post(url, "application/json", strings.NewReader(body))
	if err != nil {
		w.t.Fatal(err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		w.t.Fatal(err)
	}
	return resp.StatusCode, string(b)
}

type counts struct{ requests, errors int64 }

func (w *world) value(name string, labels ...string) int64 {
	w.t.Helper()
	v, err := w.tel.Value(name, labels...)
	if err != nil {
		w.t.Fatal(err)
	}
	return v
}

// counted waits until the requests have ended and compares.
func (w *world) counted(want counts) {
	w.t.Helper()
	eventually(w.t, func() bool { return w.value("jmap_requests_total") >= want.requests })
	if got := (counts{w.value("jmap_requests_total"), w.value("jmap_errors_total")}); got != want {
		w.t.Errorf("counted %+v, want %+v", got, want)
	}
}

// ended waits for n spans and returns them.
func (w *world) ended(n int) []sdktrace.ReadOnlySpan {
	w.t.Helper()
	eventually(w.t, func() bool { return len(w.spans.Ended()) >= n })
	all := w.spans.Ended()
	if len(all) != n {
		w.t.Fatalf("%d spans %v, want %d", len(all), names(all), n)
	}
	return all
}

func names(spans []sdktrace.ReadOnlySpan) (all []string) {
	for _, s := range spans {
		all = append(all, s.Name())
	}
	return all
}

// attributes of a span, as text.
func attributes(s sdktrace.ReadOnlySpan) map[string]string {
	m := map[string]string{}
	for _, kv := range s.Attributes() {
		m[string(kv.Key)] = kv.Value.String()
	}
	return m
}

// has compares the attributes that want names; "" stands for none.
func has(t *testing.T, s sdktrace.ReadOnlySpan, want map[string]string) {
	t.Helper()
	got := attributes(s)
	for _, k := range slices.Sorted(maps.Keys(want)) {
		if got[k] != want[k] {
			t.Errorf("span %q: %s is %q, want %q", s.Name(), k, got[k], want[k])
		}
	}
}

func keys(attrs []attribute.KeyValue) (all []string) {
	for _, kv := range attrs {
		all = append(all, string(kv.Key))
	}
	slices.Sort(all)
	return all
}

func eventually(t *testing.T, holds func() bool) {
	t.Helper()
	for deadline := time.Now().Add(patience); !holds(); {
		if time.Now().After(deadline) {
			t.Fatal("waited in vain")
		}
		time.Sleep(time.Millisecond)
	}
}

// answer is a handler that reads the request and answers with a body of JSON.
func answer(body string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		w.Header().Set("Content-Type", "application/json")
		_, _ = io.WriteString(w, body)
	})
}

// api wraps a handler with a route.
func (w *world) api(h http.Handler, opts ...oteljmap.Option) *httptest.Server {
	return w.serve(oteljmap.Wrap(w.tel, h, append([]oteljmap.Option{oteljmap.WithRoute("/jmap/api")}, opts...)...))
}

const twoCalls = `{"using":["urn:ietf:params:jmap:mail"],"methodCalls":[` +
	`["Email/query",{"accountId":"A1"},"q"],` +
	`["Email/get",{"accountId":"A1","#ids":{"resultOf":"q","name":"Email/query","path":"/ids"}},"g"]]}`
