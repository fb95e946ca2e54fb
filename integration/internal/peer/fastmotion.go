package peer

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"testing"
)

// FastMotion returns a file with the rules of another one for a world in which time passes
// faster by a factor: ranges, offsets, steps, intervals, for and keep_firing_for are divided by it.
// Thresholds and times in numbers stay as they are.
func FastMotion(t testing.TB, rules string, factor int) (file string) {
	t.Helper()
	executable, err := Build(t.Context(), "fastmotion")
	if err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(rules)
	if err != nil {
		t.Fatal(err)
	}
	var said bytes.Buffer
	convert := exec.CommandContext(t.Context(), executable, strconv.Itoa(factor))
	convert.Stdin, convert.Stderr = bytes.NewReader(text), &said
	fast, err := convert.Output()
	if err != nil {
		t.Fatalf("rules of %s in fast motion: %v: %s", rules, err, &said)
	}
	file = filepath.Join(t.TempDir(), filepath.Base(rules))
	if err := os.WriteFile(file, fast, 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}
