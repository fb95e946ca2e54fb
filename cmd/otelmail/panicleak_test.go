package main

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"

	"github.com/rusmes/otelmail"
	"github.com/rusmes/otelmail/export"
	"github.com/rusmes/otelmail/exporters/otlp"
	"github.com/rusmes/otelmail/exporters/prometheus"
	"github.com/rusmes/otelmail/health"
)

// canary is in every address, name, password, subject and id of these tests and
// in what their handlers panic with: nothing that leaves the process may hold it.
const canary = "xyzzy"

// errNamesPeople is what handlers panic with: as errors of mail servers do, it
// names people.
var errNamesPeople = errors.New("no quota for <" + canary + "@example.org>, subject " + canary)

// watched is a Telemetry of which everything that leaves it is kept.
type watched struct {
	*otelmail.Telemetry
	t     *testing.T
	web   string
	spans *tracetest.SpanRecorder
	local text // the local log
	errs  text // background errors, which applications log
	sent  text // the bytes of all three signals
}

// watch starts one with the default privacy policy.
func watch(t *testing.T, opts ...otelmail.StartOption) *watched {
	t.Helper()
	w := &watched{t: t, spans: tracetest.NewSpanRecorder()}
	receiver := httptest.NewServer(http.HandlerFunc(w.receive))
	t.Cleanup(receiver.Close)
	server := prometheus.NewServer(prometheus.WithAddress("127.0.0.1:0"))
	tel, err := otelmail.Start(t.Context(), append([]otelmail.StartOption{
		otelmail.WithoutGlobals(), otelmail.WithLookupEnv(func(string) (string, bool) { return "", false }),
		otelmail.WithLogHandler(slog.NewTextHandler(&w.local, nil)),
		otelmail.WithErrorHandler(func(err error) { fmt.Fprintln(&w.errs, err) }),
		otelmail.WithExporter(server), otlp.Push(otlp.Endpoint(receiver.URL)),
		otelmail.WithExporter(export.Func(func(_ context.Context, p export.Pipeline) error {
			p.AddSpanProcessor(w.spans)
			return nil
		})),
	}, opts...)...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = tel.Shutdown(context.Background()) })
	w.Telemetry, w.web = tel, "http://"+server.Addr().String()
	return w
}

func (w *watched) receive(_ http.ResponseWriter, r *http.Request) {
	body := io.Reader(r.Body)
	if r.Header.Get("Content-Encoding") == "gzip" {
		z, err := gzip.NewReader(body)
		if err != nil {
			w.t.Error(err)
			return
		}
		body = z
	}
	fmt.Fprintln(&w.sent, r.URL.Path)
	if _, err := io.Copy(&w.sent, body); err != nil {
		w.t.Error(err)
	}
}

// wantBroken wants spans of these names that ended in error, for a panic.
func (w *watched) wantBroken(names ...string) {
	w.t.Helper()
	for _, name := range names {
		w.eventually(func() error {
			var saw []string
			for _, s := range w.spans.Ended() {
				errorType := ""
				for _, kv := range s.Attributes() {
					if kv.Key == "error.type" {
						errorType = kv.Value.AsString()
					}
				}
				if s.Name() == name && s.Status().Code == codes.Error && errorType == "panic" {
					return nil
				}
				saw = append(saw, fmt.Sprintf("%s %v %s", s.Name(), s.Status().Code, errorType))
			}
			return fmt.Errorf("no span %q in error for a panic: %q", name, saw)
		})
	}
}

// wantNoneOpen wants all connections closed and all spans ended.
func (w *watched) wantNoneOpen() {
	w.t.Helper()
	w.eventually(func() error {
		for _, protocol := range []string{"smtp", "imap", "jmap", "pop3"} {
			if n, err := w.Value("active_connections", protocol); n != 0 || err != nil {
				return fmt.Errorf("%d connections of %s are open, %w", n, protocol, err)
			}
		}
		if begun, ended := len(w.spans.Started()), len(w.spans.Ended()); begun != ended {
			return fmt.Errorf("%d spans begun, %d ended", begun, ended)
		}
		return nil
	})
}

func (w *watched) eventually(check func() error) {
	w.t.Helper()
	deadline := time.Now().Add(20 * time.Second)
	for err := check(); err != nil; err = check() {
		if time.Now().After(deadline) {
			w.t.Error(err)
			return
		}
		time.Sleep(5 * time.Millisecond)
	}
}

// wantNoCanary looks at everything that leaves the process.
func (w *watched) wantNoCanary() {
	w.t.Helper()
	everything := map[string]string{}
	for _, path := range []string{"/", "/metrics", "/health", "/ready", "/live"} {
		for _, accept := range []string{"text/plain", "application/openmetrics-text;version=1.0.0"} {
			everything[path+" as "+accept] = w.get(path, accept)
		}
	}
	if err := w.Shutdown(context.Background()); err != nil {
		everything["the error of Shutdown"] = err.Error()
	}
	sent := w.sent.String()
	for _, signal := range []string{"/v1/traces", "/v1/metrics", "/v1/logs"} {
		if !strings.Contains(sent, signal) {
			w.t.Errorf("nothing was pushed to %s: nothing was looked at", signal)
		}
	}
	if page := everything["/metrics as application/openmetrics-text;version=1.0.0"]; !strings.Contains(page, "trace_id=") {
		w.t.Error("no exemplar was looked at")
	}
	everything["OTLP"], everything["the local log"], everything["background errors"] = sent, w.local.String(), w.errs.String()
	for what, text := range everything {
		for _, form := range forms(canary) {
			if i := strings.Index(strings.ToLower(text), strings.ToLower(form)); i >= 0 {
				w.t.Errorf("%s holds %q: …%q…", what, form, text[max(0, i-100):min(len(text), i+100)])
			}
		}
	}
}

// forms are how text may appear: as it is, and within longer text in base64, as
// initial responses of SASL hold it, which depends on what stands before it. The
// characters of base64 that it shares with others are left out.
func forms(text string) []string {
	all := []string{text}
	for before, shared := range []int{0, 2, 3} {
		padded := strings.Repeat("x", before) + text
		all = append(all, base64.RawStdEncoding.EncodeToString([]byte(padded))[shared:len(padded)*8/6])
	}
	return all
}

func (w *watched) get(path, accept string) string {
	w.t.Helper()
	req, err := http.NewRequestWithContext(w.t.Context(), http.MethodGet, w.web+path, nil)
	if err != nil {
		w.t.Fatal(err)
	}
	req.Header.Set("Accept", accept)
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		w.t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		w.t.Fatal(err)
	}
	return string(body)
}

// text gathers what is written by several goroutines.
type text struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (o *text) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.buf.Write(p)
}

func (o *text) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.buf.String()
}

// TestPanicsLeakNothing has every kind of handler panic with the canary. The
// servers go-smtp, go-imap and net/http must see each panic as without us; what
// they log of it, by loggers of their own, is theirs.
func TestPanicsLeakNothing(t *testing.T) {
	w := watch(t, otelmail.WithCheck("store", func(context.Context) error { panic(errNamesPeople) }, health.Interval(50*time.Millisecond)))
	w.panicInCallbacks()
	w.panicInSMTP()
	w.panicInIMAP()
	w.panicInJMAP()
	w.panicInPOP3()
	w.panicInPipeline()
	w.Logger().Warn("a record, so that all signals are looked at")
	w.wantNoneOpen()
	w.eventually(func() error {
		if body := w.get("/health", "text/plain"); !strings.Contains(body, "panic") {
			return fmt.Errorf("/health does not tell of the panic: %s", body)
		}
		return nil
	})
	w.wantNoCanary()
}
