package peer

import (
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// Prometheus is a Prometheus server that scrapes every second and keeps exemplars.
type Prometheus struct {
	t       testing.TB
	config  prometheusConfig
	dir     string
	address string
	run     *process // nil when stopped
}

// PrometheusOption changes what [StartPrometheusWith] starts.
type PrometheusOption interface{ applyPrometheus(*prometheusConfig) }

type prometheusOption func(*prometheusConfig)

func (o prometheusOption) applyPrometheus(c *prometheusConfig) { o(c) }

// WithTargets adds pages to scrape, each a host:port (then http and /metrics) or a URL.
// Default: none.
func WithTargets(targets ...string) PrometheusOption {
	return prometheusOption(func(c *prometheusConfig) { c.first.targets = append(c.first.targets, targets...) })
}

// WithOTLPReceiver makes Prometheus receive OTLP metrics over HTTP at
// [Prometheus.OTLPMetricsURL]. Default: it does not.
func WithOTLPReceiver() PrometheusOption {
	return WithFlags("--web.enable-otlp-receiver")
}

// WithScrapeSettings adds lines of YAML, unindented, to the scrape job of [WithTargets],
// basic_auth or scrape_native_histograms for example. Default: none.
func WithScrapeSettings(yaml string) PrometheusOption {
	return prometheusOption(func(c *prometheusConfig) { c.first.lines += yaml + "\n" })
}

// WithJob adds a scrape job beside that of [WithTargets], whose name is otelmail: a name
// of its own, which becomes the label job, a target, and lines of YAML as
// [WithScrapeSettings] takes them. Default: none.
func WithJob(name, target, yaml string) PrometheusOption {
	return prometheusOption(func(c *prometheusConfig) {
		c.more = append(c.more, scrapeJob{name: name, targets: []string{target}, lines: yaml + "\n"})
	})
}

// WithRules loads files of recording and alerting rules, given by absolute path and
// evaluated every second. Default: none.
func WithRules(files ...string) PrometheusOption {
	return prometheusOption(func(c *prometheusConfig) { c.rules = append(c.rules, files...) })
}

// WithOutOfOrderWindow makes Prometheus take samples that are older than the newest one of
// their series, if they are no older than that before the newest of all series. Default: it
// takes none.
func WithOutOfOrderWindow(d time.Duration) PrometheusOption {
	return prometheusOption(func(c *prometheusConfig) { c.late = d })
}

// WithConfigFile takes a file of configuration instead of writing one; relative names in it are
// looked for beside it. What the other options say of targets, jobs and rules is left out.
func WithConfigFile(path string) PrometheusOption {
	return prometheusOption(func(c *prometheusConfig) { c.file = path })
}

// WithFlags adds command line flags. Default: none beside those the package needs.
func WithFlags(flags ...string) PrometheusOption {
	return prometheusOption(func(c *prometheusConfig) { c.flags = append(c.flags, flags...) })
}

// StartPrometheus is [StartPrometheusWith] the targets and nothing else.
func StartPrometheus(t testing.TB, targets ...string) *Prometheus {
	t.Helper()
	return StartPrometheusWith(t, WithTargets(targets...))
}

// StartPrometheusWith starts a Prometheus on a free port and returns when it is ready,
// which is before the first scrape (see [Prometheus.WaitUp]). It is stopped when the test
// ends; if it ends before that, the test fails.
func StartPrometheusWith(t testing.TB, opts ...PrometheusOption) *Prometheus {
	t.Helper()
	executable, err := Build(t.Context(), "prometheus")
	if err != nil {
		t.Fatal(err)
	}
	p := &Prometheus{t: t, dir: t.TempDir()}
	for _, opt := range opts {
		opt.applyPrometheus(&p.config)
	}
	if p.config.file == "" {
		yaml, err := p.config.yaml()
		if err != nil {
			t.Fatal(err)
		}
		p.config.file = filepath.Join(p.dir, "prometheus.yaml")
		if err := os.WriteFile(p.config.file, []byte(yaml), 0o644); err != nil {
			t.Fatalf("writing the configuration of prometheus: %v", err)
		}
	}
	t.Cleanup(p.cleanUp)
	// The port can be lost to somebody else between choosing it and listening on it.
	for attempt := 1; ; attempt++ {
		err := p.start(executable)
		if err == nil {
			return p
		}
		if !errors.Is(err, errEnded) || attempt == 3 {
			t.Fatal(err)
		}
	}
}

// Address returns the host:port of the HTTP API, in plaintext.
func (p *Prometheus) Address() string { return p.address }

// OTLPMetricsURL returns where OTLP metrics are taken over HTTP with [WithOTLPReceiver].
func (p *Prometheus) OTLPMetricsURL() string {
	return (&url.URL{Scheme: "http", Host: p.address, Path: "/api/v1/otlp/v1/metrics"}).String()
}

// Stop ends the server. Stopping a stopped server does nothing.
func (p *Prometheus) Stop() {
	p.t.Helper()
	run := p.run
	p.run = nil
	switch {
	case run == nil:
	case !run.running():
		p.t.Errorf("prometheus: %v: %s", errEnded, run.state)
	default:
		if err := run.stop(); err != nil {
			p.t.Error(err)
		}
	}
}

func (p *Prometheus) start(executable string) error {
	addresses, err := freeAddresses(1)
	if err != nil {
		return err
	}
	p.address = addresses[0]
	args := append([]string{
		"--config.file=" + p.config.file,
		"--storage.tsdb.path=" + filepath.Join(p.dir, "data"),
		"--web.listen-address=" + p.address,
		"--enable-feature=exemplar-storage",
		"--scrape.discovery-reload-interval=100ms", // else the first scrape comes after 5 s
	}, p.config.flags...)
	run, err := launch("prometheus", p.log(), executable, args...)
	if err != nil {
		return err
	}
	if err := run.waitReady(p.t.Context(), fmt.Sprintf("http://%s/-/ready", p.address)); err != nil {
		run.kill()
		return err
	}
	p.run = run
	return nil
}

func (p *Prometheus) log() string { return filepath.Join(p.dir, "prometheus.log") }

func (p *Prometheus) cleanUp() {
	p.Stop()
	if p.t.Failed() {
		showLog(p.t, "prometheus", p.log())
	}
}
