package integration

import (
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/rusmes/otelmail/integration/internal/peer"
)

// TestQueriesOfTheRunbooks: what somebody copies at three in the morning has to be PromQL.
func TestQueriesOfTheRunbooks(t *testing.T) {
	pages, err := filepath.Glob("../docs/runbooks/*.md")
	if err != nil || len(pages) < 30 {
		t.Fatalf("%d pages, %v", len(pages), err)
	}
	var rules []map[string]string
	for _, page := range pages {
		text, err := os.ReadFile(page)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range regexp.MustCompile("`(?:``promql\n)?([^`\n]*\\b(?:rusmes|process|go)_[^`\n]*|up\\b[^`\n]*)\n?`").FindAllStringSubmatch(string(text), -1) {
			name := strings.TrimSuffix(filepath.Base(page), ".md")
			rules = append(rules, map[string]string{"record": "query:" + name, "expr": m[1]})
		}
	}
	file := filepath.Join(t.TempDir(), "queries.json")
	content, err := json.Marshal(map[string]any{"groups": []any{map[string]any{"name": "runbooks", "rules": rules}}})
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, content, 0o600); err != nil {
		t.Fatal(err)
	}
	if output, exit := peer.Promtool(t, nil, "check", "rules", "--lint=none", file); exit != 0 || len(rules) < 80 {
		t.Errorf("%d queries, exit %d\n%s", len(rules), exit, output)
	}
}
