package main

import (
	"bytes"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// TestCommandsOfThePages runs what docs/ tells to type of the commands that write files, in a
// folder of the test's own.
func TestCommandsOfThePages(t *testing.T) {
	pages, err := filepath.Glob("../../docs/*.md")
	if err != nil || len(pages) == 0 {
		t.Fatal(pages, err)
	}
	shown := regexp.MustCompile(`(?m)^(?:    )?otelmail ((?:rules|dashboard)\b[^#\n]*)`)
	ran := map[string]int{}
	for _, page := range pages {
		text, err := os.ReadFile(page)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range shown.FindAllStringSubmatch(string(text), -1) {
			args := strings.Fields(m[1])
			if i := slices.Index(args, "--out"); i > 0 {
				args[i+1] = filepath.Join(t.TempDir(), filepath.Base(args[i+1]))
			}
			var stdout, stderr bytes.Buffer
			if got := run(args, &stdout, &stderr); got != exitOK || stderr.Len() > 0 {
				t.Errorf("%s: otelmail %s: exit status %d: %s", page, m[1], got, &stderr)
			}
			ran[args[0]]++
		}
	}
	if ran["rules"] < 1 || ran["dashboard"] < 4 {
		t.Errorf("only %v were found", ran)
	}
}
