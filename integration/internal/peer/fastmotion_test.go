package peer_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/rusmes/otelmail/integration/internal/peer"
)

func TestFastMotion(t *testing.T) {
	const slow = `groups:
- name: g
  interval: 2m
  rules:
  - record: r
    expr: max_over_time(rate(x{a="5m"}[10m] offset 1h)[1d:4m] offset 1w) > 3600 and deriv(y[15m]) > 0
  - alert: A
    expr: z offset 5m < 14 * 86400
    for: 15m
    keep_firing_for: 1h
    labels: {severity: page}
    annotations: {summary: for 15m}
`
	file := filepath.Join(t.TempDir(), "slow.yaml")
	if err := os.WriteFile(file, []byte(slow), 0o600); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(peer.FastMotion(t, file, 60))
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		"interval: 2s\n", `max_over_time(rate(x{a="5m"}[10s] offset 1m)[24m:4s] offset 2h48m) > 3600 and deriv(y[15s]) > 0`,
		"z offset 5s < 14 * 86400\n", "for: 15s\n", "keep_firing_for: 1m\n", "severity: page\n", "summary: for 15m\n",
	} {
		if !strings.Contains(string(text), want) {
			t.Errorf("not in the rules: %s", want)
		}
	}
	if t.Failed() {
		t.Logf("%s", text)
	}
}
