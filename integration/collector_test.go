package integration

import (
	"fmt"
	"testing"

	"github.com/rusmes/otelmail/integration/internal/peer"
)

// protocols are the two protocols to push with.
var protocols = []string{"grpc", "http/protobuf"}

// pushTo is the environment that makes a demo push to the Collector, often enough for a
// test to wait for it.
func pushTo(c *peer.Collector, protocol string) []string {
	return []string{
		"OTEL_EXPORTER_OTLP_ENDPOINT=http://" + addressOf(c, protocol),
		"OTEL_EXPORTER_OTLP_PROTOCOL=" + protocol,
		"OTEL_BSP_SCHEDULE_DELAY=100",
		"OTEL_BLRP_SCHEDULE_DELAY=100",
		"OTEL_METRIC_EXPORT_INTERVAL=250",
	}
}

// addressOf is the host:port where a Collector receives a protocol.
func addressOf(c *peer.Collector, protocol string) string {
	if protocol == "grpc" {
		return c.GRPC()
	}
	return c.HTTP()
}

// spanName is the span's name, and the reply that its command has got.
func spanName(s peer.Span) string {
	for _, reply := range []string{"smtp.response.status_code", "imap.response.status", "pop3.response.status"} {
		if value := s.Attributes[reply]; value != nil {
			return s.Name + fmt.Sprint(" ", value)
		}
	}
	return s.Name
}

// forEachProtocol runs a test against a new Collector for each protocol.
func forEachProtocol(t *testing.T, test func(t *testing.T, c *peer.Collector, protocol string)) {
	for _, protocol := range protocols {
		t.Run(protocol, func(t *testing.T) {
			t.Parallel()
			test(t, peer.StartCollector(t), protocol)
		})
	}
}

// spanID identifies a span among all that were ever pushed.
type spanID struct{ trace, span string }

// spansByID has each span once: a batch whose answer was lost is sent again.
func spansByID(c *peer.Collector) map[spanID]peer.Span {
	spans := map[spanID]peer.Span{}
	for _, span := range c.Traces() {
		spans[spanID{span.TraceID, span.SpanID}] = span
	}
	return spans
}

// lastMetrics has the newest export of each metric, by name.
func lastMetrics(c *peer.Collector) map[string]peer.Metric {
	last := map[string]peer.Metric{}
	for _, metric := range c.Metrics() {
		last[metric.Name] = metric
	}
	return last
}
