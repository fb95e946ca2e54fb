package peer

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"testing"
)

// Collector is an OpenTelemetry Collector that receives OTLP over gRPC and HTTP and writes
// it to files, which [Collector.Traces], [Collector.Metrics] and [Collector.Logs]
// read back.
//
// Nothing is buffered between the receivers and the files: once the Collector has answered
// an export, its data can be read, even after [Collector.Kill].
type Collector struct {
	t          testing.TB
	executable string
	dir        string
	extra      []string // more configuration, in the order it was given
	grpc       string
	http       string
	health     string
	run        *process // nil when stopped on purpose
	killed     bool     // a kill may have torn a batch in the files
	seen       int64    // bytes of the file of traces that NewTraces has read
}

// CollectorOption changes what [StartCollector] starts.
type CollectorOption interface{ applyCollector(*Collector) }

type collectorOption func(*Collector)

func (o collectorOption) applyCollector(c *Collector) { o(c) }

// WithConfig merges more Collector configuration (YAML) over the built-in one: maps are
// merged key by key, lists and scalars replace. Default: none. The built-in names to build
// on are the receiver otlp, the exporters file/traces, file/metrics and file/logs, the
// extension health_check, and the pipelines traces, metrics and logs. For example, to
// refuse whatever is larger than a mebibyte:
//
//	receivers: {otlp: {protocols: {grpc: {max_recv_msg_size_mib: 1}}}}
func WithConfig(yaml string) CollectorOption {
	return collectorOption(func(c *Collector) { c.extra = append(c.extra, yaml) })
}

// StartCollector starts a Collector on free ports and returns when it is healthy. It is
// stopped when the test ends; if it ends before that, the test fails.
func StartCollector(t testing.TB, opts ...CollectorOption) *Collector {
	t.Helper()
	executable, err := Build(t.Context(), "collector")
	if err != nil {
		t.Fatal(err)
	}
	c := &Collector{t: t, executable: executable, dir: t.TempDir()}
	for _, opt := range opts {
		opt.applyCollector(c)
	}
	t.Cleanup(c.cleanUp)
	// A port can be lost to somebody else between choosing it and listening on it.
	for attempt := 1; ; attempt++ {
		addresses, err := freeAddresses(3)
		if err != nil {
			t.Fatal(err)
		}
		c.grpc, c.http, c.health = addresses[0], addresses[1], addresses[2]
		err = c.start()
		if err == nil {
			return c
		}
		if !errors.Is(err, errEnded) || attempt == 3 {
			t.Fatal(err)
		}
	}
}

// GRPC returns the host:port where OTLP over gRPC is taken, in plaintext.
func (c *Collector) GRPC() string { return c.grpc }

// HTTP returns the host:port where OTLP over HTTP is taken (/v1/traces, /v1/metrics,
// /v1/logs), in plaintext.
func (c *Collector) HTTP() string { return c.http }

// Stop shuts the Collector down properly: what it holds is written first. Stopping a
// stopped Collector does nothing.
func (c *Collector) Stop() {
	c.t.Helper()
	if run := c.take(); run != nil {
		if err := run.stop(); err != nil {
			c.t.Error(err)
		}
	}
}

// Kill ends the Collector with SIGKILL. Its ports refuse connections when Kill returns.
func (c *Collector) Kill() {
	c.t.Helper()
	if run := c.take(); run != nil {
		c.killed = true
		run.kill()
	}
}

// Restart starts the Collector again on the same ports and the same files, stopping it
// first if it runs, and returns when it is healthy.
func (c *Collector) Restart() {
	c.t.Helper()
	c.Stop()
	if err := c.start(); err != nil {
		c.t.Fatal(err)
	}
}

// take returns the running process, for the caller to end it; nil when there is none. If the
// process has already ended, the test fails.
func (c *Collector) take() *process {
	c.t.Helper()
	run := c.run
	c.run = nil
	if run != nil && !run.running() {
		c.t.Errorf("the collector: %v: %s", errEnded, run.state)
		return nil
	}
	return run
}

func (c *Collector) start() error {
	args := make([]string, 0, 1+len(c.extra))
	for i, yaml := range append([]string{c.config()}, c.extra...) {
		path := filepath.Join(c.dir, fmt.Sprintf("config-%d.yaml", i))
		if err := os.WriteFile(path, []byte(yaml), 0o644); err != nil {
			return fmt.Errorf("writing the collector's configuration: %w", err)
		}
		args = append(args, "--config="+path)
	}
	run, err := launch("the collector", c.log(), c.executable, args...)
	if err != nil {
		return err
	}
	if err := run.waitReady(c.t.Context(), "http://"+c.health+"/"); err != nil {
		run.kill()
		return err
	}
	c.run = run
	return nil
}

func (c *Collector) log() string { return filepath.Join(c.dir, "collector.log") }

func (c *Collector) cleanUp() {
	c.Stop()
	if c.t.Failed() {
		showLog(c.t, "the collector", c.log())
	}
}
