package logfile

import (
	"os"
	"path/filepath"
	"testing"
)

// TestALineAfterATornOne begins a line of its own, and its length is counted without that.
func TestALineAfterATornOne(t *testing.T) {
	path := filepath.Join(t.TempDir(), "log")
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	torn := false
	for _, line := range []string{"one\n", "tw", "three\n", "four\n"} {
		if n, err := writeLine(f, []byte(line), &torn); n != len(line) || err != nil {
			t.Errorf("%q: %d, %v", line, n, err)
		}
	}
	if got, err := os.ReadFile(path); string(got) != "one\ntw\nthree\nfour\n" {
		t.Errorf("the file holds %q, %v", got, err)
	}
}
