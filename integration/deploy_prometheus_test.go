package integration

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/rusmes/otelmail/integration/internal/peer"
	"github.com/rusmes/otelmail/internal/settings"
)

const prometheusFolder = "../deploy/prometheus"

// deployedPrometheus copies the folder, with the files of rules beside it, and lines that have to differ
// in a test replaced: old, new, old, new. Each old one has to be there.
func deployedPrometheus(t *testing.T, replacements ...string) (folder string) {
	t.Helper()
	root := t.TempDir()
	folder = filepath.Join(root, "deploy", "prometheus")
	if err := os.CopyFS(folder, os.DirFS(prometheusFolder)); err != nil {
		t.Fatal(err)
	}
	if err := os.CopyFS(filepath.Join(root, "rules"), os.DirFS("../rules")); err != nil {
		t.Fatal(err)
	}
	var all strings.Builder
	for _, name := range []string{"prometheus.yml", "global.yml", "targets/mail-servers.yml", "targets/collector-all.yml"} {
		path := filepath.Join(folder, name)
		text := readFile(t, path)
		all.WriteString(text)
		if err := os.WriteFile(path, []byte(strings.NewReplacer(replacements...).Replace(text)), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for i := 0; i < len(replacements); i += 2 {
		if !strings.Contains(all.String(), replacements[i]) {
			t.Errorf("no %q in %s", replacements[i], prometheusFolder)
		}
	}
	return folder
}

// promtool takes the files, and takes them with all that can be switched on.
func TestPrometheusConfigurationIsValid(t *testing.T) {
	t.Parallel()
	folder := deployedPrometheus(t)
	for _, name := range []string{"prometheus.yml", "global.yml"} {
		path := filepath.Join(folder, name)
		if output, exit := peer.Promtool(t, nil, "check", "config", path); exit != 0 {
			t.Errorf("%s: %s", name, output)
		}
		on := filepath.Join(folder, "on-"+name)
		if err := os.WriteFile(on, []byte(offOption.ReplaceAllString(readFile(t, path), "$1")), 0o600); err != nil {
			t.Fatal(err)
		}
		if output, exit := peer.Promtool(t, nil, "check", "config", "--syntax-only", on); exit != 0 {
			t.Errorf("%s with all on: %s", name, output)
		}
	}
	if output, exit := peer.Promtool(t, nil, "check", "rules", "--lint-fatal", filepath.Join(folder, "fleet.rules.yml")); exit != 0 {
		t.Error(output)
	}
}

// Ports and series are those of the mail servers and of the Collectors.
func TestPrometheusAsksWhatIsThere(t *testing.T) {
	_, port, _ := strings.Cut(settings.MetricsBindAddress.Default, ":")
	collector := regexp.MustCompile(`AGENT_METRICS_PORT:-(\d+)`).FindStringSubmatch(readFile(t, agentFile))
	if collector == nil {
		t.Fatal("no port for the agent's own series")
	}
	for file, want := range map[string]string{"targets/mail-servers.yml": port, "targets/collector-all.yml": collector[1]} {
		for _, found := range regexp.MustCompile(`[\w.]+\.example\.org:(\d+)`).FindAllStringSubmatch(readFile(t, filepath.Join(prometheusFolder, file)), -1) {
			if found[1] != want {
				t.Errorf("%s has %s, and it listens on %s", file, found[0], want)
			}
		}
	}
	page, global := readFile(t, "../docs/series.md"), readFile(t, filepath.Join(prometheusFolder, "global.yml"))
	rules := readFile(t, filepath.Join(prometheusFolder, "fleet.rules.yml"))
	for _, series := range regexp.MustCompile(`\b(rusmes_\w+)[\[)]`).FindAllStringSubmatch(rules, -1) {
		if !strings.Contains(page, "`"+series[1]+"`") {
			t.Errorf("fleet.rules.yml asks for %s, which docs/series.md does not have", series[1])
		}
	}
	// What is summed above is recorded below.
	asked := regexp.MustCompile(`__name__=~"(job:rusmes_\.\*:[^"]*)"`).FindStringSubmatch(global)
	if asked == nil {
		t.Fatal("global.yml asks for no sums")
	}
	for _, record := range regexp.MustCompile(`record: (\S+)`).FindAllStringSubmatch(rules, -1) {
		if record[1] != "job:up:count" && !regexp.MustCompile("^("+asked[1]+")$").MatchString(record[1]) {
			t.Errorf("%s is recorded, and global.yml does not ask for it", record[1])
		}
	}
}

// The files run: what a demo counts is the same in Prometheus and in the long-term store, and a
// Prometheus above has the sums, and no series of a single server.
func TestLongTermStoreAndFederation(t *testing.T) {
	t.Parallel()
	d := startDemo(t, launch{rate: 5})
	store := peer.StartVictoriaMetrics(t)
	below := peer.StartPrometheusWith(t, peer.WithConfigFile(filepath.Join(deployedPrometheus(t,
		"scrape_interval: 15s", "scrape_interval: 1s", "scrape_timeout: 10s", "scrape_timeout: 1s", "evaluation_interval: 15s", "evaluation_interval: 1s",
		"http://victoriametrics:8428/api/v1/write", store.RemoteWriteURL(),
		"mx1.example.org:9090, mx2.example.org:9090", d.web, "hub1.example.org:9090", "", "box1.example.org:9090", "",
		"mx1.example.org:8888, mx2.example.org:8888, hub1.example.org:8888, box1.example.org:8888", "", "gateway1.example.org:8888", "",
		"[alertmanager:9093]", "[]",
	), "prometheus.yml")), peer.WithFlags("--enable-feature=native-histograms"))
	above := peer.StartPrometheusWith(t, peer.WithConfigFile(filepath.Join(deployedPrometheus(t,
		"scrape_interval: 1m", "scrape_interval: 1s", "scrape_timeout: 30s", "scrape_timeout: 1s", "evaluation_interval: 1m", "evaluation_interval: 1s",
		"prometheus-1:9090, prometheus-2:9090", below.Address(),
	), "global.yml")))

	const received = "rusmes_smtp_messages_received_total"
	one := func(of interface{ Query(string) []peer.Sample }, expr string) (peer.Sample, error) {
		samples := of.Query(expr)
		if len(samples) != 1 {
			return peer.Sample{}, fmt.Errorf("%s has %d series, want one: %v", expr, len(samples), samples)
		}
		return samples[0], nil
	}
	peer.Eventually(t, patience, func() error {
		sum, err := one(above, `sum by (job) (job:rusmes_smtp_messages_received:rate5m{job="mail"})`)
		if err == nil && sum.Value <= 0 {
			err = fmt.Errorf("no rate above: %v", sum)
		}
		if err != nil {
			return err
		}
		up, err := one(above, `job:up:count{job="mail"}`)
		if err == nil && up.Value != 1 {
			err = fmt.Errorf("%v servers are up, want one", up.Value)
		}
		return err
	})
	if single := above.Query(`{__name__=~"rusmes_.+"}`); len(single) != 0 {
		t.Errorf("a single server's series have come up: %v", single[0].Labels)
	}
	d.stop()
	peer.Eventually(t, patience, func() error {
		scraped, err := one(below, "max_over_time("+received+"[5m])")
		if err != nil {
			return err
		}
		stored, err := one(store, "max_over_time("+received+"[5m])")
		if err == nil && (stored.Value != scraped.Value || scraped.Value == 0) {
			err = fmt.Errorf("%v are stored for long, and %v in Prometheus", stored.Value, scraped.Value)
		}
		if err == nil && (stored.Labels["cluster"] != "mail-1" || stored.Labels["replica"] != "a" || stored.Labels["role"] != "mx") {
			err = fmt.Errorf("stored with %v", stored.Labels)
		}
		return err
	})
}
