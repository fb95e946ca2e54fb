package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// No operation allocates more than the committed file says. The measuring program is built
// without the race detector, with which there are other allocations.
func TestAllocations(t *testing.T) {
	committed, err := os.ReadFile("allocs.txt")
	if err != nil {
		t.Fatal(err)
	}
	program := filepath.Join(t.TempDir(), "bench")
	if out, err := exec.CommandContext(t.Context(), "go", "build", "-o", program, ".").CombinedOutput(); err != nil {
		t.Fatalf("build the measuring program: %v\n%s", err, out)
	}
	cmd := exec.CommandContext(t.Context(), program, "-allocs", "-")
	cmd.Env = append(os.Environ(), "GORACE=", "GOGC=")
	measured, err := cmd.Output()
	if err != nil {
		t.Fatalf("measure: %v", err)
	}
	want, err := parseAllocs(string(committed))
	if err != nil {
		t.Fatal(err)
	}
	got, err := parseAllocs(string(measured))
	if err != nil {
		t.Fatal(err)
	}
	for id, n := range got {
		limit, known := want[id]
		switch {
		case !known:
			t.Errorf("%s is not in allocs.txt: go generate", id)
		case n > limit:
			t.Errorf("%s allocates %g times, committed are %g. If that is meant: go generate", id, n, limit)
		}
	}
	for id := range want {
		if _, ok := got[id]; !ok {
			t.Errorf("%s is in allocs.txt and no longer measured: go generate", id)
		}
	}
}

func TestParseAllocs(t *testing.T) {
	got, err := parseAllocs("# a comment\n\ncounter   0\nspan 6\n")
	if err != nil || len(got) != 2 || got["counter"] != 0 || got["span"] != 6 {
		t.Errorf("parseAllocs = %v, %v", got, err)
	}
	for _, wrong := range []string{"counter", "counter x", "counter 1,5"} {
		if got, err := parseAllocs(wrong); err == nil {
			t.Errorf("parseAllocs(%q) = %v, want an error", wrong, got)
		}
	}
}
