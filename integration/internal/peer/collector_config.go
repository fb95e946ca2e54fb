package peer

import (
	"fmt"
	"path/filepath"
)

// The signals, and the names of the files that hold them.
const (
	traces  = "traces"
	metrics = "metrics"
	logs    = "logs"
)

// file returns where the Collector writes a signal: one OTLP JSON message a line.
func (c *Collector) file(signal string) string { return filepath.Join(c.dir, signal+".json") }

// config returns the built-in configuration.
//
// The file exporters are set to rotate, at a size never reached, because then they write
// without a buffer, and go on with an existing file after a restart. With append
// instead, batches already acknowledged would be lost when the Collector is killed.
//
// The Collector's own metrics are off because they would be served on one fixed port, which
// two Collectors cannot share.
func (c *Collector) config() string {
	return fmt.Sprintf(`
receivers:
  otlp:
    protocols:
      grpc: {endpoint: %q}
      http: {endpoint: %q}
exporters:
  file/traces: {path: %q, rotation: {max_megabytes: 100000}}
  file/metrics: {path: %q, rotation: {max_megabytes: 100000}}
  file/logs: {path: %q, rotation: {max_megabytes: 100000}}
extensions:
  health_check: {endpoint: %q}
service:
  extensions: [health_check]
  telemetry:
    metrics: {level: none}
  pipelines:
    traces: {receivers: [otlp], exporters: [file/traces]}
    metrics: {receivers: [otlp], exporters: [file/metrics]}
    logs: {receivers: [otlp], exporters: [file/logs]}
`, c.grpc, c.http, c.file(traces), c.file(metrics), c.file(logs), c.health)
}
