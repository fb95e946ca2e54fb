package prometheus_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"

	"github.com/rusmes/otelmail"
	"github.com/rusmes/otelmail/exporters/prometheus"
)

// errorLog is an error handler that remembers the errors.
type errorLog struct {
	mu   sync.Mutex
	errs []error
}

func (l *errorLog) handle(err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.errs = append(l.errs, err)
}

func (l *errorLog) texts() []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	out := make([]string, len(l.errs))
	for i, err := range l.errs {
		out[i] = err.Error()
	}
	return out
}

func environment(pairs ...string) func(string) (string, bool) {
	return func(name string) (string, bool) {
		for i := 0; i < len(pairs); i += 2 {
			if pairs[i] == name {
				return pairs[i+1], true
			}
		}
		return "", false
	}
}

// started is a telemetry with a server on a port of its own.
type started struct {
	*otelmail.Telemetry
	server *prometheus.Server
	errs   *errorLog
	url    string
}

func start(t *testing.T, opts ...prometheus.Option) started {
	t.Helper()
	s := started{errs: &errorLog{}}
	s.server = prometheus.NewServer(append([]prometheus.Option{prometheus.WithAddress("127.0.0.1:0")}, opts...)...)
	tel, err := otelmail.Start(t.Context(), otelmail.WithoutGlobals(), otelmail.WithLookupEnv(environment()),
		otelmail.WithErrorHandler(s.errs.handle), otelmail.WithExporter(s.server))
	if err != nil {
		t.Fatal(err)
	}
	s.Telemetry = tel
	s.url = "http://" + s.server.Addr().String()
	t.Cleanup(func() {
		if err := shutdown(tel); err != nil {
			t.Errorf("shutdown: %v", err)
		}
	})
	return s
}

// shutdown has the time that a busy machine needs, unlike a Shutdown without a deadline.
func shutdown(part interface{ Shutdown(context.Context) error }) error {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	return part.Shutdown(ctx)
}

// newReader returns a Reader of a provider that has the catalogue on it, for
// tests that need no server.
func newReader(t testing.TB, handle func(error)) (*otelmail.Reader, *sdkmetric.MeterProvider, *otelmail.Telemetry) {
	t.Helper()
	reader, err := otelmail.NewReader(otelmail.WithErrorHandler(handle))
	if err != nil {
		t.Fatal(err)
	}
	mp := sdkmetric.NewMeterProvider(sdkmetric.WithReader(reader), sdkmetric.WithView(reader.Views()...))
	tel, err := otelmail.New(otelmail.WithMeterProvider(mp), otelmail.WithErrorHandler(handle))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = shutdown(tel)
		_ = shutdown(mp)
	})
	return reader, mp, tel
}

func newHandler(t testing.TB, producer sdkmetric.Producer, opts ...prometheus.HandlerOption) http.Handler {
	t.Helper()
	h, err := prometheus.NewHandler(producer, opts...)
	if err != nil {
		t.Fatal(err)
	}
	return h
}

// serve puts h on a real HTTP server.
func serve(t *testing.T, h http.Handler) string {
	t.Helper()
	s := httptest.NewServer(h)
	t.Cleanup(s.Close)
	return s.URL
}

type response struct {
	code   int
	header http.Header
	body   string
}

// ask makes one request; headers are "Name: value".
func ask(t testing.TB, client *http.Client, method, url string, headers ...string) response {
	t.Helper()
	r, err := try(client, method, url, headers...)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func try(client *http.Client, method, url string, headers ...string) (response, error) {
	req, err := http.NewRequest(method, url, nil)
	if err != nil {
		return response{}, err
	}
	for _, h := range headers {
		name, value, _ := strings.Cut(h, ": ")
		req.Header.Set(name, value)
	}
	res, err := client.Do(req)
	if err != nil {
		return response{}, err
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	return response{res.StatusCode, res.Header, string(body)}, err
}

// plainClient does not add Accept-Encoding of its own.
var plainClient = &http.Client{Timeout: 20 * time.Second, Transport: &http.Transport{DisableCompression: true}}

func get(t testing.TB, url string, headers ...string) response {
	t.Helper()
	return ask(t, plainClient, http.MethodGet, url, headers...)
}

// families parses a page in the classic text or delimited protobuf.
func families(t testing.TB, r response) map[string]*dto.MetricFamily {
	t.Helper()
	if r.code != http.StatusOK {
		t.Fatalf("status %d: %s", r.code, r.body)
	}
	out := make(map[string]*dto.MetricFamily)
	dec := expfmt.NewDecoder(strings.NewReader(r.body), expfmt.ResponseFormat(r.header))
	for {
		mf := &dto.MetricFamily{}
		err := dec.Decode(mf)
		switch {
		case err == nil:
			out[mf.GetName()] = mf
		case errors.Is(err, io.EOF):
			return out
		default:
			t.Fatalf("%s page: %v\n%s", r.header.Get("Content-Type"), err, r.body)
		}
	}
}

// value finds one series; labels are name, value, name, value.
func value(t testing.TB, all map[string]*dto.MetricFamily, name string, labels ...string) float64 {
	t.Helper()
	for _, m := range all[name].GetMetric() {
		if len(m.Label)*2 != len(labels) {
			continue
		}
		same := true
		for i, l := range m.Label {
			same = same && l.GetName() == labels[2*i] && l.GetValue() == labels[2*i+1]
		}
		if same {
			return m.GetCounter().GetValue() + m.GetGauge().GetValue() + m.GetUntyped().GetValue()
		}
	}
	t.Fatalf("%s%v is not on the page", name, labels)
	return 0
}

func scrapeErrors(t testing.TB, all map[string]*dto.MetricFamily, reason string) float64 {
	t.Helper()
	return value(t, all, "rusmes_telemetry_scrape_errors_total", "reason", reason)
}

func serverProblems(t testing.TB, all map[string]*dto.MetricFamily, reason string) float64 {
	t.Helper()
	return value(t, all, "rusmes_telemetry_server_problems_total", "reason", reason)
}

// eventually polls, with a deadline.
func eventually(t testing.TB, what string, ok func() bool) {
	t.Helper()
	for end := time.Now().Add(time.Minute); !ok(); time.Sleep(2 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("not within a minute: %s", what)
		}
	}
}

func gunzip(t testing.TB, body string) string {
	t.Helper()
	z, err := gzip.NewReader(strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	if _, err := out.ReadFrom(z); err != nil {
		t.Fatal(err)
	}
	return out.String()
}

func tlsClient(c *tls.Config) *http.Client {
	return &http.Client{Timeout: 20 * time.Second, Transport: &http.Transport{TLSClientConfig: c}}
}

// parseText parses classic text and reports instead of failing the test.
func parseText(page string) error {
	p := expfmt.NewTextParser(model.UTF8Validation)
	if _, err := p.TextToMetricFamilies(strings.NewReader(page)); err != nil {
		return fmt.Errorf("parse: %w", err)
	}
	return nil
}
