package otelmailtest_test

import (
	"os"
	"strings"
	"testing"
)

// TestPageShowsAFailure: what docs/testing.md shows is what a failing test says.
func TestPageShowsAFailure(t *testing.T) {
	page, err := os.ReadFile("../docs/testing.md")
	if err != nil {
		t.Fatal(err)
	}
	said, err := os.ReadFile("testdata/failures.txt")
	if err != nil {
		t.Fatal(err)
	}
	shown := 0
	for _, block := range strings.Split(string(page), "\n```diff\n")[1:] {
		block, _, _ = strings.Cut(block, "\n```\n")
		if strings.HasPrefix(block, "series have moved") {
			shown++
			if !strings.Contains(string(said), block) {
				t.Errorf("docs/testing.md shows what no failing test says:\n%s", block)
			}
		}
	}
	if shown != 1 {
		t.Errorf("docs/testing.md shows %d failures, want 1", shown)
	}
}
