package otelmailtest

import (
	"compress/gzip"
	"fmt"
	"io"
	"mime"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"

	logspb "go.opentelemetry.io/proto/otlp/logs/v1"
	metricspb "go.opentelemetry.io/proto/otlp/metrics/v1"
	tracepb "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/protobuf/proto"
)

// Receiver takes what a server pushes over OTLP: over HTTP, in protobuf, compressed by gzip or not.
// What it asserts is what a [Recorder] does, about what has arrived. It listens on loopback, and
// so is not for a bubble of [testing/synctest].
//
// Metrics are pushed each minute, and the rest in batches: have the server end, or shut its
// Telemetry down, before anything is asserted. A test of a server that goes on sets
// OTEL_METRIC_EXPORT_INTERVAL, OTEL_BSP_SCHEDULE_DELAY and OTEL_BLRP_SCHEDULE_DELAY to 100 or so.
type Receiver struct {
	// URL is for OTEL_EXPORTER_OTLP_ENDPOINT with OTEL_EXPORTER_OTLP_PROTOCOL=http/protobuf.
	// Example: "http://127.0.0.1:41327".
	URL string

	record
	received received

	mu     sync.Mutex
	answer func(http.ResponseWriter, *http.Request) bool
}

// NewReceiver listens until the end of the test.
func NewReceiver(t testing.TB) *Receiver {
	t.Helper()
	r := &Receiver{}
	r.record = record{t: t, source: &r.received}
	r.Mark()
	server := httptest.NewServer(http.HandlerFunc(r.serve))
	t.Cleanup(func() {
		server.CloseClientConnections() // of an answer that waits, too
		server.Close()
	})
	r.URL = server.URL
	return r
}

// Answer has answer answer each request from now on; one for which it returns false, and has
// written nothing, is taken. nil takes all again. Use it for a receiver that is overloaded, for
// one that hangs until the request's context is done, or to look at headers. It is called by
// several requests at a time.
func (r *Receiver) Answer(answer func(http.ResponseWriter, *http.Request) (answered bool)) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.answer = answer
}

func (r *Receiver) serve(w http.ResponseWriter, request *http.Request) {
	r.mu.Lock()
	answer := r.answer
	r.mu.Unlock()
	if answer != nil && answer(w, request) {
		return
	}
	if code, err := r.take(request); err != nil {
		http.Error(w, err.Error(), code)
		return
	}
	// The answer of a receiver that has taken everything is empty in protobuf.
	w.Header().Set("Content-Type", "application/x-protobuf")
}

// take takes one request, or says by which status it is refused.
func (r *Receiver) take(request *http.Request) (code int, err error) {
	if request.Method != http.MethodPost {
		return http.StatusMethodNotAllowed, fmt.Errorf("%s: only POST is taken", request.Method)
	}
	if kind, _, err := mime.ParseMediaType(request.Header.Get("Content-Type")); err != nil || kind != "application/x-protobuf" {
		return http.StatusUnsupportedMediaType, fmt.Errorf("content type %q: only application/x-protobuf is taken", request.Header.Get("Content-Type"))
	}
	body := io.Reader(request.Body)
	switch encoding := request.Header.Get("Content-Encoding"); encoding {
	case "", "identity":
	case "gzip":
		unzipped, err := gzip.NewReader(body)
		if err != nil {
			return http.StatusBadRequest, fmt.Errorf("gzip: %w", err)
		}
		body = unzipped
	default:
		return http.StatusUnsupportedMediaType, fmt.Errorf("content encoding %q: only gzip is taken", encoding)
	}
	data, err := io.ReadAll(body)
	if err != nil {
		return http.StatusBadRequest, fmt.Errorf("read the body: %w", err)
	}
	// On the wire each is what OTLP's requests are, whose package needs gRPC.
	switch request.URL.Path {
	case "/v1/traces":
		var in tracepb.TracesData
		if err = proto.Unmarshal(data, &in); err == nil {
			r.received.takeTraces(&in)
		}
	case "/v1/metrics":
		var in metricspb.MetricsData
		if err = proto.Unmarshal(data, &in); err == nil {
			r.received.takeMetrics(&in)
		}
	case "/v1/logs":
		var in logspb.LogsData
		if err = proto.Unmarshal(data, &in); err == nil {
			r.received.takeLogs(&in)
		}
	default:
		return http.StatusNotFound, fmt.Errorf("path %s: want /v1/traces, /v1/metrics or /v1/logs", request.URL.Path)
	}
	if err != nil {
		return http.StatusBadRequest, fmt.Errorf("%s: %w", request.URL.Path, err)
	}
	return 0, nil
}
