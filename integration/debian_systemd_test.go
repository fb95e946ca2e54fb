//go:build debian

package integration

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"testing"
)

// systemd takes the units without a word; a key that it does not know is a warning, and no failure.
func TestSystemdTakesTheUnits(t *testing.T) {
	verify := exec.CommandContext(t.Context(), "systemd-analyze", slices.Concat([]string{"verify", "--man=no"}, unitsToVerify(t))...)
	if output, err := verify.CombinedOutput(); err != nil || len(output) > 0 {
		t.Errorf("systemd-analyze verify: %v\n%s", err, output)
	}
}

// unitsToVerify copies the units, with programs that are there.
func unitsToVerify(t *testing.T) (files []string) {
	t.Helper()
	entries, err := os.ReadDir(unitFolder)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	program := regexp.MustCompile(`(?m)^ExecStart=\S+`)
	for _, entry := range entries {
		path := filepath.Join(dir, entry.Name())
		text := program.ReplaceAllString(readFile(t, filepath.Join(unitFolder, entry.Name())), "ExecStart=/bin/true")
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		files = append(files, path)
	}
	return files
}
