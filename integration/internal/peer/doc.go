// Package peer runs real programs for the integration tests to talk to: the OpenTelemetry
// Collector, Prometheus with promtool, and VictoriaMetrics.
//
// Each program is built from a Go module under integration/peers, once, and kept in the
// user's cache folder (see [Build]). A started program listens on 127.0.0.1 only, keeps
// its files in the test's own temporary folder, and ends with the test; what it printed is
// shown when the test fails.
//
// The functions that take a [testing.TB] end the test when they cannot do what was asked,
// so they are called from the test's own goroutine.
//
// The package needs a Unix system.
package peer
