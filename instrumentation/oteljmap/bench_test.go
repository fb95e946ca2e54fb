package oteljmap_test

import (
	"io"
	"net/http"
	"strings"
	"testing"

	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"

	"github.com/rusmes/otelmail"
	"github.com/rusmes/otelmail/instrumentation/oteljmap"
)

// BenchmarkWrap measures what Wrap adds to a request of two calls.
func BenchmarkWrap(b *testing.B) {
	response := []byte(`{"methodResponses":[["Email/query",{"ids":["1"]},"q"],["Email/get",{"list":[{"id":"1","preview":"` +
		strings.Repeat("text ", 200) + `"}]},"g"]],"sessionState":"1"}`)
	handler := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		_, _ = w.Write(response)
	})
	for name, sampler := range map[string]sdktrace.Sampler{"unsampled": sdktrace.NeverSample(), "sampled": sdktrace.AlwaysSample()} {
		tel, err := otelmail.New(otelmail.WithMeterProvider(sdkmetric.NewMeterProvider()),
			otelmail.WithTracerProvider(sdktrace.NewTracerProvider(sdktrace.WithSampler(sampler))))
		if err != nil {
			b.Fatal(err)
		}
		b.Run(name, func(b *testing.B) { serve(b, oteljmap.Wrap(tel, handler, oteljmap.WithRoute("/jmap/api"))) })
	}
	b.Run("unwrapped", func(b *testing.B) { serve(b, handler) })
}

func serve(b *testing.B, h http.Handler) {
	b.ReportAllocs()
	w := &discard{header: http.Header{"Content-Type": {"application/json"}}}
	body := strings.NewReader(twoCalls)
	r, err := http.NewRequestWithContext(b.Context(), http.MethodPost, "/jmap/api", io.NopCloser(body))
	if err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		body.Reset(twoCalls)
		h.ServeHTTP(w, r)
	}
}

type discard struct{ header http.Header }

func (d *discard) Header() http.Header         { return d.header }
func (d *discard) Write(b []byte) (int, error) { return len(b), nil }
func (d *discard) WriteHeader(int)             {}
func (d *discard) Flush()                      {}

// BenchmarkLargeResponse measures what reading a response of a megabyte costs.
func BenchmarkLargeResponse(b *testing.B) {
	response := []byte(`{"methodResponses":[["Email/get",{"list":[` + strings.Repeat(`{"id":"M1","size":1234,"subject":"Hello there"},`, 22_000) + `0]},"g"]]}`)
	b.SetBytes(int64(len(response)))
	tel := otelmail.Noop()
	serve(b, oteljmap.Wrap(tel, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(response) })))
}
