package peer_test

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"

	"github.com/rusmes/otelmail/integration/internal/peer"
)

// post sends OTLP JSON over HTTP and returns the status code.
func post(t *testing.T, collector *peer.Collector, path, body string) int {
	t.Helper()
	response, err := http.Post("http://"+collector.HTTP()+path, "application/json", strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	if _, err := io.Copy(io.Discard, response.Body); err != nil {
		t.Fatal(err)
	}
	return response.StatusCode
}

// postSpan sends one span and wants it taken.
func postSpan(t *testing.T, collector *peer.Collector, name string) {
	t.Helper()
	body := fmt.Sprintf(`{"resourceSpans":[{"scopeSpans":[{"spans":[{"traceId":"0af7651916cd43dd8448eb211c80319c",
		"spanId":"b7ad6b7169203331","name":%q,"startTimeUnixNano":"1","endTimeUnixNano":"2"}]}]}]}`, name)
	if status := post(t, collector, "/v1/traces", body); status != http.StatusOK {
		t.Fatalf("posting the span %s: status %d", name, status)
	}
}

func spanNames(collector *peer.Collector) string {
	var names []string
	for _, span := range collector.Traces() {
		names = append(names, span.Name)
	}
	return strings.Join(names, " ")
}

func TestCollectorHasNothingAtFirst(t *testing.T) {
	collector := peer.StartCollector(t)
	if n := len(collector.Traces()) + len(collector.Metrics()) + len(collector.Logs()); n != 0 {
		t.Errorf("a fresh collector holds %d things", n)
	}
	if metric, ok := collector.LastMetric("any"); ok {
		t.Errorf("a fresh collector holds %+v", metric)
	}
}

// What was acknowledged is kept through both kinds of end, and the ports stay the same.
func TestCollectorRestarts(t *testing.T) {
	collector := peer.StartCollector(t)
	grpc, http := collector.GRPC(), collector.HTTP()

	postSpan(t, collector, "first")
	collector.Kill()
	if got := spanNames(collector); got != "first" {
		t.Errorf("after the kill: spans %q, want first", got)
	}
	for _, address := range []string{grpc, http} {
		if conn, err := net.Dial("tcp", address); err == nil {
			conn.Close()
			t.Errorf("%s still listens after the kill", address)
		}
	}

	collector.Restart()
	postSpan(t, collector, "second")
	collector.Stop()
	collector.Stop() // a second one does nothing
	collector.Restart()
	postSpan(t, collector, "third")
	collector.Restart() // also of a running one
	if got := spanNames(collector); got != "first second third" {
		t.Errorf("after the restarts: spans %q, want first second third", got)
	}
	if collector.GRPC() != grpc || collector.HTTP() != http {
		t.Errorf("addresses changed from %s and %s to %s and %s", grpc, http, collector.GRPC(), collector.HTTP())
	}
}

// An empty export request is five zero bytes in gRPC's framing, so HTTP/2 is all it takes.
func TestCollectorTakesGRPC(t *testing.T) {
	collector := peer.StartCollector(t)
	var protocols http.Protocols
	protocols.SetUnencryptedHTTP2(true)
	transport := &http.Transport{Protocols: &protocols}
	defer transport.CloseIdleConnections()

	request, err := http.NewRequest(http.MethodPost,
		"http://"+collector.GRPC()+"/opentelemetry.proto.collector.trace.v1.TraceService/Export",
		strings.NewReader("\x00\x00\x00\x00\x00"))
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Content-Type", "application/grpc")
	request.Header.Set("TE", "trailers")
	response, err := transport.RoundTrip(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	if _, err := io.Copy(io.Discard, response.Body); err != nil {
		t.Fatal(err)
	}
	if status := response.Trailer.Get("Grpc-Status"); status != "0" {
		t.Errorf("grpc-status %q (%s), want 0", status, response.Trailer.Get("Grpc-Message"))
	}
}

func TestCollectorWithConfig(t *testing.T) {
	collector := peer.StartCollector(t,
		peer.WithConfig(`receivers: {otlp: {protocols: {http: {max_request_body_size: 20}}}}`))
	if status := post(t, collector, "/v1/traces", `{"resourceSpans":[]}`); status != http.StatusOK {
		t.Errorf("20 bytes: status %d, want 200", status)
	}
	if status := post(t, collector, "/v1/traces", `{"resourceSpans":[] }`); status/100 != 4 {
		t.Errorf("21 bytes: status %d, want 4xx", status)
	}
}

// The components that the built-in configuration leaves unused are in the build too, and a
// queue in file_storage survives a restart: what it holds at the stop is sent after it.
func TestCollectorChain(t *testing.T) {
	last := peer.StartCollector(t)
	first := peer.StartCollector(t, peer.WithConfig(fmt.Sprintf(`
extensions:
  file_storage: {directory: %q}
processors:
  memory_limiter: {check_interval: 1s, limit_mib: 256}
  batch: {timeout: 1h}
exporters:
  debug: {}
  otlp_http:
    endpoint: "http://%s"
    sending_queue: {storage: file_storage}
  otlp_grpc:
    endpoint: %q
    tls: {insecure: true}
service:
  extensions: [health_check, file_storage]
  pipelines:
    traces: {processors: [memory_limiter, batch], exporters: [debug, otlp_http]}
    metrics: {exporters: [otlp_grpc]}
`, t.TempDir(), last.HTTP(), last.GRPC())))

	postSpan(t, first, "hop")
	status := post(t, first, "/v1/metrics",
		`{"resourceMetrics":[{"scopeMetrics":[{"metrics":[{"name":"hop","gauge":{"dataPoints":[{"asInt":"1"}]}}]}]}]}`)
	if status != http.StatusOK {
		t.Fatalf("posting a metric: status %d", status)
	}
	first.Restart() // the stop in it ends the batch, which would else take its hour
	peer.Eventually(t, patience, func() error {
		_, metric := last.LastMetric("hop")
		if spans := spanNames(last); spans != "hop" || !metric {
			return fmt.Errorf("at the end of the chain: spans %q, metric %t", spans, metric)
		}
		return nil
	})
	if n := len(first.Traces()) + len(first.Metrics()); n != 0 {
		t.Errorf("the first collector wrote %d things though its file exporters were replaced", n)
	}
}
