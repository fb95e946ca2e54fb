package peer

import (
	"fmt"
	"net/url"
	"strings"
	"time"
)

type prometheusConfig struct {
	file  string // instead of what follows
	first scrapeJob
	more  []scrapeJob
	rules []string // absolute paths
	flags []string
	late  time.Duration // see WithOutOfOrderWindow
}

// scrapeJob is what Prometheus scrapes in one way.
type scrapeJob struct {
	name    string
	targets []string
	lines   string // of YAML
}

// jobs are all of them.
func (c prometheusConfig) jobs() []scrapeJob {
	first := c.first
	first.name = "otelmail"
	return append([]scrapeJob{first}, c.more...)
}

// targets is how many pages are scraped.
func (c prometheusConfig) targets() (n int) {
	for _, job := range c.jobs() {
		n += len(job.targets)
	}
	return n
}

// yaml returns the configuration file.
func (c prometheusConfig) yaml() (string, error) {
	var b strings.Builder
	b.WriteString("global: {scrape_interval: 1s, scrape_timeout: 1s, evaluation_interval: 1s}\n")
	fmt.Fprintf(&b, "storage: {tsdb: {out_of_order_time_window: %dms}}\n", c.late.Milliseconds())
	b.WriteString("rule_files:\n")
	for _, file := range c.rules {
		fmt.Fprintf(&b, "  - %q\n", file)
	}
	b.WriteString("scrape_configs:\n")
	for _, job := range c.jobs() {
		if err := job.write(&b); err != nil {
			return "", err
		}
	}
	return b.String(), nil
}

func (j scrapeJob) write(b *strings.Builder) error {
	fmt.Fprintf(b, "  - job_name: %q\n", j.name)
	for line := range strings.Lines(j.lines) {
		b.WriteString("    " + line)
	}
	b.WriteString("    static_configs:\n")
	for _, target := range j.targets {
		host, labels, err := targetLabels(target)
		if err != nil {
			return err
		}
		fmt.Fprintf(b, "      - targets: [%q]\n        labels: {%s}\n", host, labels)
	}
	return nil
}

// targetLabels splits a target into its entry in the list of targets and the labels from
// which Prometheus takes scheme and path.
func targetLabels(target string) (host, labels string, err error) {
	if !strings.Contains(target, "://") {
		return target, "", nil
	}
	address, err := url.Parse(target)
	if err != nil {
		return "", "", fmt.Errorf("reading the scrape target %q: %w", target, err)
	}
	if address.Host == "" || (address.Scheme != "http" && address.Scheme != "https") {
		return "", "", fmt.Errorf("scrape target %q: want host:port or an http or https URL", target)
	}
	labels = fmt.Sprintf("__scheme__: %q", address.Scheme)
	if address.Path != "" {
		labels += fmt.Sprintf(", __metrics_path__: %q", address.Path)
	}
	return address.Host, labels, nil
}
