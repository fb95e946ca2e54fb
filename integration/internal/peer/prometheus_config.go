package peer

import (
	"fmt"
	"net/url"
	"strings"
)

type prometheusConfig struct {
	targets []string
	rules   []string // absolute paths
	scrape  string   // more lines for the scrape job
	flags   []string
}

// yaml returns the configuration file.
func (c prometheusConfig) yaml() (string, error) {
	var b strings.Builder
	b.WriteString("global: {scrape_interval: 1s, scrape_timeout: 1s, evaluation_interval: 1s}\n")
	b.WriteString("rule_files:\n")
	for _, file := range c.rules {
		fmt.Fprintf(&b, "  - %q\n", file)
	}
	b.WriteString("scrape_configs:\n  - job_name: otelmail\n")
	for line := range strings.Lines(c.scrape) {
		b.WriteString("    " + line)
	}
	b.WriteString("    static_configs:\n")
	for _, target := range c.targets {
		host, labels, err := targetLabels(target)
		if err != nil {
			return "", err
		}
		fmt.Fprintf(&b, "      - targets: [%q]\n        labels: {%s}\n", host, labels)
	}
	return b.String(), nil
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
