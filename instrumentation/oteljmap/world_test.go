package oteljmap_test

import (
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"go.opentelemetry.io/otel/codes"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"

	"github.com/rusmes/otelmail"
	"github.com/rusmes/otelmail/instrumentation/oteljmap"
	"github.com/rusmes/otelmail/internal/registry"
	"github.com/rusmes/otelmail/otelmailtest"
)

// patience is how long a test waits for what must happen.
const patience = 10 * time.Second

// world is a Telemetry and everything it has recorded.
type world struct {
	*otelmailtest.Recorder
	t *testing.T
}

func newWorld(t *testing.T, sampler sdktrace.Sampler, opts ...otelmail.StartOption) *world {
	t.Helper()
	w := &world{otelmailtest.New(t, append([]otelmail.StartOption{otelmail.WithSampler(sampler)}, opts...)...), t}
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
	for _, s := range w.Spans("") {
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

// counted waits until the requests have ended, and wants nothing else to have moved but what
// the tests of connections, replies, logins and panics look at.
func (w *world) counted(requests, errors float64) {
	w.t.Helper()
	w.Moved(otelmailtest.Series{"rusmes_jmap_requests_total": requests, "rusmes_jmap_errors_total": errors,
		"rusmes_active_connections": otelmailtest.Any, "rusmes_tls_sessions_total": otelmailtest.Any,
		"rusmes_replies_total": otelmailtest.Any, "rusmes_auth_attempts_total": otelmailtest.Any, "rusmes_panics_total": otelmailtest.Any})
}

// ended waits for n spans and returns them in the order in which they ended.
func (w *world) ended(n int) []otelmailtest.Span {
	w.t.Helper()
	for deadline := time.Now().Add(patience); len(w.Spans("")) < n && time.Now().Before(deadline); {
		time.Sleep(time.Millisecond)
	}
	all := w.Spans("")
	slices.SortStableFunc(all, func(a, b otelmailtest.Span) int { return a.EndTime().Compare(b.EndTime()) })
	if len(all) != n {
		w.t.Fatalf("%d spans %v, want %d", len(all), names(all), n)
	}
	return all
}

func names(spans []otelmailtest.Span) (all []string) {
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

// orNone is an attribute that must not be there where it is "".
func orNone(s string) any {
	if s == "" {
		return nil
	}
	return s
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
	return w.serve(oteljmap.Wrap(w.Tel, h, append([]oteljmap.Option{oteljmap.WithRoute("/jmap/api")}, opts...)...))
}

const twoCalls = `{"using":["urn:ietf:params:jmap:mail"],"methodCalls":[` +
	`["Email/query",{"accountId":"A1"},"q"],` +
	`["Email/get",{"accountId":"A1","#ids":{"resultOf":"q","name":"Email/query","path":"/ids"}},"g"]]}`
