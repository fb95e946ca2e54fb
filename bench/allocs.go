package main

//go:generate go run . -allocs allocs.txt

import (
	"fmt"
	"os"
	"strconv"
	"strings"
)

// writeAllocs writes what each operation allocates to a file, "-" for standard
// output. The file is committed, and a test compares: allocations are the one
// figure that is the same on every machine.
func writeAllocs(path string, duels []duel) error {
	text := allocsText(duels)
	if path == "-" {
		_, err := fmt.Print(text)
		return err
	}
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		return fmt.Errorf("write the allocations: %w", err)
	}
	return nil
}

func allocsText(duels []duel) string {
	var b strings.Builder
	b.WriteString("# Allocations of one operation. Written by `go generate`; a test fails where there are more.\n")
	for _, d := range duels {
		// A page's buffers are pooled, and what a pool keeps is random.
		if d.allCores || strings.HasPrefix(d.row.ID, "scrape") {
			continue
		}
		fmt.Fprintf(&b, "%-24s %g\n", d.row.ID, allocsOf(d.ours, allocRuns))
	}
	return b.String()
}

// parseAllocs reads such a file.
func parseAllocs(text string) (map[string]float64, error) {
	out := map[string]float64{}
	for line := range strings.Lines(text) {
		if strings.HasPrefix(line, "#") || strings.TrimSpace(line) == "" {
			continue
		}
		id, count, _ := strings.Cut(strings.TrimSpace(line), " ")
		n, err := strconv.ParseFloat(strings.TrimSpace(count), 64)
		if err != nil {
			return nil, fmt.Errorf("line %q: want a name and a number: %w", strings.TrimSpace(line), err)
		}
		out[id] = n
	}
	return out, nil
}
