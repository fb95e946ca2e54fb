package oteljmap_test

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"go.opentelemetry.io/otel/baggage"
	"go.opentelemetry.io/otel/codes"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"

	"github.com/rusmes/otelmail"
	"github.com/rusmes/otelmail/instrumentation/oteljmap"
	"github.com/rusmes/otelmail/internal/schema"
	"github.com/rusmes/otelmail/otelmailtest"
)

func TestHTTPSpan(t *testing.T) {
	w := sampled(t)
	mux := http.NewServeMux()
	mux.Handle("POST /jmap/api", oteljmap.Wrap(w.Tel, answer(`{"methodResponses":[]}`)))
	server := w.serve(mux)
	request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, server.URL+"/jmap/api?user=bob", strings.NewReader(`{}`))
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("User-Agent", "bob's mail")
	resp, err := server.Client().Do(request)
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	s := w.ended(1)[0]
	if s.Name() != "POST /jmap/api" || s.SpanKind() != trace.SpanKindServer || s.Status().Code != codes.Unset {
		t.Errorf("%q, %v, %v", s.Name(), s.SpanKind(), s.Status())
	}
	if scope := s.InstrumentationScope(); scope.Name != oteljmap.ScopeName || scope.Version != otelmail.Version || scope.SchemaURL != schema.URL {
		t.Errorf("scope %+v", scope)
	}
	s.HasOnly(otelmailtest.Attributes{
		"http.request.method": "POST", "http.route": "/jmap/api", "http.response.status_code": 200,
		"url.scheme": "http", "network.protocol.version": "1.1", "server.address": "127.0.0.1",
		"server.port":    server.Listener.Addr().(*net.TCPAddr).Port,
		"client.address": "127.0.0.1", "network.peer.address": "127.0.0.1",
	})
}

func TestRoutes(t *testing.T) {
	nothing := http.HandlerFunc(func(http.ResponseWriter, *http.Request) {})
	mux := func(pattern string, h http.Handler) http.Handler {
		m := http.NewServeMux()
		m.Handle(pattern, h)
		return m
	}
	for _, tt := range []struct {
		name string
		wrap func(*world) http.Handler
		want string
	}{
		{"inside a mux", func(w *world) http.Handler { return mux("GET /jmap/{account}/{blob}", oteljmap.Wrap(w.Tel, nothing)) }, "/jmap/{account}/{blob}"},
		{"around a mux", func(w *world) http.Handler { return oteljmap.Wrap(w.Tel, mux("/jmap/", nothing)) }, "/jmap/"},
		{"no mux", func(w *world) http.Handler { return oteljmap.Wrap(w.Tel, nothing) }, ""},
		{"an option", func(w *world) http.Handler {
			return mux("/", oteljmap.Wrap(w.Tel, nothing, oteljmap.WithRoute("/jmap")))
		}, "/jmap"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := sampled(t)
			resp, err := http.Get(w.serve(tt.wrap(w)).URL + "/jmap/bob/blob7")
			if err != nil {
				t.Fatal(err)
			}
			resp.Body.Close()
			s := w.ended(1)[0]
			if want := strings.TrimSpace("GET " + tt.want); s.Name() != want {
				t.Errorf("named %q, want %q", s.Name(), want)
			}
			s.Has(otelmailtest.Attributes{"http.route": orNone(tt.want)})
			w.counted(0, 0)
		})
	}
}

func TestRequestErrors(t *testing.T) {
	problem := func(status int, errorType string) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			_, _ = io.Copy(io.Discard, r.Body)
			w.Header().Set("Content-Type", "application/problem+json; charset=utf-8")
			w.WriteHeader(status)
			_, _ = io.WriteString(w, `{"status":400,"type":"`+errorType+`","methodResponses":[["error",{"type":"no"},"q"]]}`)
		})
	}
	plain := func(status int) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { http.Error(w, "no", status) })
	}
	const urn = "urn:ietf:params:jmap:error:"
	for _, tt := range []struct {
		name      string
		handler   http.Handler
		status    int
		failed    bool
		errorType string
		code      codes.Code
	}{
		{"not JSON", problem(400, urn+"notJSON"), 400, true, "notJSON", codes.Unset},
		{"not a request", problem(400, urn+"notRequest"), 400, true, "notRequest", codes.Unset},
		{"unknown capability", problem(400, urn+"unknownCapability"), 400, true, "unknownCapability", codes.Unset},
		{"limit", problem(400, urn+"limit"), 400, true, "limit", codes.Unset},
		{"another type of JMAP", problem(400, urn+"bob@example.org"), 400, true, "_OTHER", codes.Unset},
		{"another type", problem(400, "about:blank"), 400, true, "", codes.Unset},
		{"a problem with 200", problem(200, urn+"limit"), 200, true, "limit", codes.Unset},
		{"unauthorized", plain(401), 401, true, "", codes.Unset},
		{"unavailable", plain(503), 503, true, "503", codes.Error},
		{"unavailable, with type", problem(503, urn+"limit"), 503, true, "limit", codes.Error},
		{"redirect", plain(307), 307, false, "", codes.Unset},
		{"no content", http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNoContent) }), 204, false, "", codes.Unset},
		{"a silent handler", http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}), 200, false, "", codes.Unset},
		{"early hints", http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(http.StatusEarlyHints)
			w.WriteHeader(http.StatusBadRequest)
			w.WriteHeader(http.StatusOK) // superfluous
		}), 400, true, "", codes.Unset},
		{"nil", nil, 404, true, "", codes.Unset},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := sampled(t)
			// A client that does not follow redirects.
			resp, err := http.DefaultTransport.RoundTrip(request(t, http.MethodPost, w.api(tt.handler).URL, twoCalls))
			if err != nil {
				t.Fatal(err)
			}
			_, _ = io.Copy(io.Discard, resp.Body)
			resp.Body.Close()
			w.counted(1, map[bool]float64{true: 1}[tt.failed])
			s := w.ended(1)[0]
			s.Has(otelmailtest.Attributes{"http.response.status_code": tt.status, "error.type": orNone(tt.errorType)})
			if s.Status().Code != tt.code || s.Status().Description != "" {
				t.Errorf("status %v", s.Status())
			}
		})
	}
}

func request(t *testing.T, method, url, body string) *http.Request {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	return r
}

var errBug = errors.New("a bug")

func TestPanicsGoThrough(t *testing.T) {
	for _, tt := range []struct {
		name   string
		run    func(http.ResponseWriter, *http.Request)
		status any
		errors float64
		panics float64
		spans  []string
	}{
		{"a bug", func(http.ResponseWriter, *http.Request) { panic(errBug) }, nil, 1, 1, nil},
		{"before the answer", func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }, nil, 1, 0, nil},
		{"after the header", func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(http.StatusAccepted)
			panic(http.ErrAbortHandler)
		}, 202, 1, 0, nil},
		{"in a call", func(_ http.ResponseWriter, r *http.Request) {
			oteljmap.StartCall(r.Context(), otelmail.JMAPFacts{Method: "Email/get", CallID: "a"}).End("")
			oteljmap.StartCall(r.Context(), otelmail.JMAPFacts{Method: "Email/set", CallID: "b"})
			panic(http.ErrAbortHandler)
		}, nil, 2, 0, []string{"Email/get ", "Email/set serverFail"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := sampled(t)
			seen := make(chan any, 1)
			inner := oteljmap.Wrap(w.Tel, http.HandlerFunc(tt.run))
			server := w.serve(http.HandlerFunc(func(out http.ResponseWriter, r *http.Request) {
				defer func() {
					p := recover()
					seen <- p
					panic(http.ErrAbortHandler) // net/http need not log it
				}()
				inner.ServeHTTP(out, r)
			}))
			if resp, err := http.Post(server.URL, "application/json", strings.NewReader(twoCalls)); err == nil {
				resp.Body.Close()
			}
			w.counted(1, tt.errors)
			all := w.ended(len(tt.spans) + 1)
			if p, _ := (<-seen).(error); !errors.Is(p, http.ErrAbortHandler) && !errors.Is(p, errBug) {
				t.Errorf("the panic became %v", p)
			}
			w.Has(otelmailtest.Series{`rusmes_panics_total{component="jmap"}`: tt.panics})
			var got []string
			for _, s := range all[:len(tt.spans)] {
				a := attributes(s)
				got = append(got, a["jmap.method"]+" "+a["error.type"])
			}
			if !slices.Equal(got, tt.spans) {
				t.Errorf("calls %q, want %q", got, tt.spans)
			}
			s := all[len(tt.spans)]
			s.Has(otelmailtest.Attributes{"error.type": "panic", "http.response.status_code": tt.status})
			if s.Status().Code != codes.Error {
				t.Errorf("status %v", s.Status())
			}
		})
	}
}

func TestTraceContextOfStrangers(t *testing.T) {
	const (
		traceID = "0af7651916cd43dd8448eb211c80319c"
		spanID  = "b7ad6b7169203331"
	)
	local := func(w *world, next http.Handler) http.Handler {
		return http.HandlerFunc(func(out http.ResponseWriter, r *http.Request) {
			ctx, span := w.Tel.TracerProvider().Tracer("proxy").Start(r.Context(), "outside")
			defer span.End()
			next.ServeHTTP(out, r.WithContext(ctx))
		})
	}
	trusted := oteljmap.TrustParent(func(r *http.Request) bool { return r.Header.Get("Via") != "" })
	for _, tt := range []struct {
		name        string
		parent      string
		via         string
		opts        []oteljmap.Option
		outside     bool
		links       int
		continued   bool
		withBaggage bool
	}{
		{name: "none"},
		{name: "a stranger's", parent: "00-" + traceID + "-" + spanID + "-00", links: 1},
		{name: "nonsense", parent: "00-nonsense-00"},
		{name: "not trusted", parent: "00-" + traceID + "-" + spanID + "-01", opts: []oteljmap.Option{trusted}, links: 1},
		{name: "trusted", parent: "00-" + traceID + "-" + spanID + "-01", via: "proxy", opts: []oteljmap.Option{trusted}, continued: true, withBaggage: true},
		{name: "trusted, none", via: "proxy", opts: []oteljmap.Option{trusted}, withBaggage: true},
		{name: "below a span of ours", parent: "00-" + traceID + "-" + spanID + "-01", via: "proxy", opts: []oteljmap.Option{trusted}, outside: true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := newWorld(t, sdktrace.ParentBased(sdktrace.AlwaysSample()))
			var seen baggage.Baggage
			h := oteljmap.Wrap(w.Tel, http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
				seen = baggage.FromContext(r.Context())
			}), tt.opts...)
			if tt.outside {
				h = local(w, h)
			}
			r := request(t, http.MethodPost, w.serve(h).URL, "{}")
			r.Header.Set("Baggage", "who=bob")
			r.Header.Set("Tracestate", "who=bob")
			if tt.parent != "" {
				r.Header.Set("Traceparent", tt.parent)
			}
			if tt.via != "" {
				r.Header.Set("Via", tt.via)
			}
			resp, err := http.DefaultClient.Do(r)
			if err != nil {
				t.Fatal(err)
			}
			resp.Body.Close()
			tree := "POST"
			if tt.outside {
				tree = "outside\n  POST"
			}
			w.Tree(tree)
			s := w.Span("POST")
			if got := s.Parent().TraceID().String() == traceID && s.Parent().SpanID().String() == spanID; got != tt.continued {
				t.Errorf("continued: %v, want %v", got, tt.continued)
			}
			if s.Parent().IsValid() != (tt.continued || tt.outside) {
				t.Errorf("parent %v", s.Parent())
			}
			if len(s.Links()) != tt.links {
				t.Fatalf("%d links, want %d", len(s.Links()), tt.links)
			}
			for _, l := range s.Links() {
				if l.SpanContext.TraceID().String() != traceID || l.SpanContext.SpanID().String() != spanID || l.SpanContext.TraceState().Len() != 0 {
					t.Errorf("link to %v", l.SpanContext)
				}
			}
			if got := seen.Len() > 0; got != tt.withBaggage {
				t.Errorf("baggage %v", seen)
			}
		})
	}
}

func TestPrivacyOfTheClient(t *testing.T) {
	for _, tt := range []struct {
		policy         otelmail.Privacy
		remote         string
		address        string
		port, peerPort any
	}{
		{otelmail.PrivacyDomain, "192.0.2.77:4711", "192.0.2.0", nil, nil},
		{otelmail.PrivacyDomain, "[2001:db8:1:2::3]:4711", "2001:db8:1::", nil, nil},
		{otelmail.PrivacyFull, "192.0.2.77:4711", "192.0.2.77", 4711, 4711},
		{otelmail.PrivacyFull, "192.0.2.77", "192.0.2.77", nil, nil}, // as RealIP middleware leaves it
		{otelmail.PrivacyHash, "192.0.2.77:4711", "", nil, nil},
		{otelmail.PrivacyNone, "192.0.2.77:4711", "", nil, nil},
		{otelmail.PrivacyFull, "@", "", nil, nil},
	} {
		w := newWorld(t, sdktrace.AlwaysSample(), otelmail.WithPrivacy(tt.policy))
		r := httptest.NewRequest("BOB", "/jmap", nil)
		r.RemoteAddr = tt.remote
		oteljmap.Wrap(w.Tel, answer("{}"), oteljmap.WithServer("mail.example.com", 443)).ServeHTTP(httptest.NewRecorder(), r)
		s := w.ended(1)[0]
		if s.Name() != "HTTP" {
			t.Errorf("named %q", s.Name())
		}
		s.Has(otelmailtest.Attributes{"client.address": orNone(tt.address), "client.port": tt.port, "network.peer.port": tt.peerPort,
			"http.request.method": "_OTHER", "server.address": "mail.example.com", "server.port": 443})
	}
}

func TestProtocolVersions(t *testing.T) {
	w := sampled(t)
	h := oteljmap.Wrap(w.Tel, answer("{}"))
	for i, tt := range []struct {
		major, minor int
		want         string
	}{{1, 0, "1.0"}, {1, 1, "1.1"}, {2, 0, "2"}, {3, 0, "3"}, {1, 7, ""}, {9, 9, ""}} {
		r := httptest.NewRequest(http.MethodGet, "/", nil)
		r.ProtoMajor, r.ProtoMinor = tt.major, tt.minor
		h.ServeHTTP(httptest.NewRecorder(), r)
		w.ended(i + 1)[i].Has(otelmailtest.Attributes{"network.protocol.version": orNone(tt.want)})
	}
}

func TestInsideHTTPSpan(t *testing.T) {
	w := sampled(t)
	inner := oteljmap.Wrap(w.Tel, answer(`{"methodResponses":[["Email/query",{},"q"],["error",{"type":"serverFail"},"g"]]}`), oteljmap.InsideHTTPSpan())
	server := w.serve(http.HandlerFunc(func(out http.ResponseWriter, r *http.Request) {
		ctx, span := w.Tel.TracerProvider().Tracer("otherhttp").Start(r.Context(), "theirs")
		defer span.End()
		inner.ServeHTTP(out, r.WithContext(ctx))
	}))
	w.post(server.URL, twoCalls)
	w.counted(1, 1)
	w.Tree(`
		theirs
		  JMAP Email/query
		  JMAP Email/get [internal, error serverFail]`)
	w.Span("theirs").HasOnly(nil)
}

func TestSpanOnlyCountsNothing(t *testing.T) {
	w := sampled(t)
	server := w.serve(oteljmap.Wrap(w.Tel, answer(`{"methodResponses":[["error",{"type":"serverFail"},"q"]]}`),
		oteljmap.SpanOnly(), oteljmap.WithRoute("/jmap/upload/{accountId}/")))
	w.post(server.URL, twoCalls)
	w.Tree("POST /jmap/upload/{accountId}/")
	w.counted(0, 0)
}

// Preflights and wrong methods are no API requests.
func TestOtherMethodsDoNotCount(t *testing.T) {
	w := sampled(t)
	url := w.api(answer(`{"methodResponses":[["error",{"type":"serverFail"},"q"]]}`)).URL
	for _, method := range []string{http.MethodOptions, http.MethodGet, http.MethodHead, "BREW"} {
		resp, err := http.DefaultClient.Do(request(t, method, url, ""))
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
	}
	w.ended(4)
	w.counted(0, 0)
}

func TestNilTelemetry(t *testing.T) {
	server := httptest.NewUnstartedServer(oteljmap.Wrap(nil, answer("{}"), nil))
	server.Config.ConnState = oteljmap.ConnState(nil)
	server.Start()
	defer server.Close()
	resp, err := http.Post(server.URL, "application/json", strings.NewReader("{}"))
	if err != nil || resp.StatusCode != http.StatusOK {
		t.Fatal(resp, err)
	}
	resp.Body.Close()
}

func TestOverTLSAndHTTP2(t *testing.T) {
	for _, two := range []bool{false, true} {
		w := sampled(t)
		server := httptest.NewUnstartedServer(oteljmap.Wrap(w.Tel, answer(`{"methodResponses":[["error",{"type":"serverFail"},"g"]]}`)))
		server.EnableHTTP2 = two
		server.Config.ErrorLog = log.New(io.Discard, "", 0)
		server.Config.ConnState = oteljmap.ConnState(w.Tel)
		server.StartTLS()
		resp, err := server.Client().Post(server.URL, "application/json", strings.NewReader(twoCalls))
		if err != nil {
			t.Fatal(err)
		}
		// Read to its end: a client that closes an unread body closes the connection too.
		if _, err := io.Copy(io.Discard, resp.Body); err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		w.counted(1, 1)
		version := map[bool]string{false: "1.1", true: "2"}[two]
		all := w.ended(3)
		all[2].Has(otelmailtest.Attributes{"url.scheme": "https", "network.protocol.version": version, "tls.protocol.version": "1.3", "tls.established": true})
		w.Has(otelmailtest.Series{`rusmes_active_connections{protocol="jmap"}`: 1, `rusmes_tls_sessions_total{tls="yes"}`: 1})
		// A client that breaks off the handshake leaves nothing behind.
		if c, err := tls.Dial("tcp", server.Listener.Addr().String(), &tls.Config{MinVersion: tls.VersionTLS12}); err == nil {
			c.Close()
			t.Error("the client trusts the test's certificate")
		}
		w.Has(otelmailtest.Series{`rusmes_tls_sessions_total{tls="yes"}`: 2})
		server.CloseClientConnections()
		server.Close()
		w.Has(otelmailtest.Series{`rusmes_active_connections{protocol="jmap"}`: 0})
	}
}

// The context that the handler gets is the request's: it ends with it.
func TestTheContextIsTheRequests(t *testing.T) {
	type key struct{}
	w := sampled(t)
	r := httptest.NewRequest(http.MethodPost, "/", strings.NewReader("{}"))
	ctx, cancel := context.WithCancel(context.WithValue(t.Context(), key{}, 7))
	cancel()
	oteljmap.Wrap(w.Tel, http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		if r.Context().Value(key{}) != 7 || r.Context().Err() == nil {
			t.Error("another context")
		}
	})).ServeHTTP(httptest.NewRecorder(), r.WithContext(ctx))
}
