package integration

import (
	"os"
	"path/filepath"
	"regexp"
	"testing"

	"github.com/rusmes/otelmail/integration/internal/peer"
)

// TestConfigurationsOfThePages: promtool takes what docs/ shows of Prometheus' configuration.
func TestConfigurationsOfThePages(t *testing.T) {
	t.Parallel()
	pages, err := filepath.Glob("../docs/*.md")
	if err != nil {
		t.Fatal(err)
	}
	shown, found := regexp.MustCompile("(?s)```yaml\n((?:rule_files|scrape_configs|storage):.*?)```"), 0
	for _, page := range pages {
		for _, m := range shown.FindAllStringSubmatch(readFile(t, page), -1) {
			found++
			file := filepath.Join(t.TempDir(), "prometheus.yml")
			if err := os.WriteFile(file, []byte(m[1]), 0o600); err != nil {
				t.Fatal(err)
			}
			if output, exit := peer.Promtool(t, nil, "check", "config", "--syntax-only", file); exit != 0 {
				t.Errorf("%s: promtool does not take\n%s\n%s", page, m[1], output)
			}
		}
	}
	if found < 4 {
		t.Errorf("only %d configurations found", found)
	}
}
