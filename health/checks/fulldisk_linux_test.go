package checks_test

import (
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/rusmes/otelmail/health"
	"github.com/rusmes/otelmail/health/checks"
)

// TestFullDisk fills a small file system of its own, with bytes and then with files.
func TestFullDisk(t *testing.T) {
	dir := t.TempDir()
	if err := syscall.Mount("tmpfs", dir, "tmpfs", 0, "size=1m,nr_inodes=40"); err != nil {
		t.Skipf("no file system to fill: %v: needs root", err)
	}
	t.Cleanup(func() {
		if err := syscall.Unmount(dir, 0); err != nil {
			t.Error(err)
		}
	})
	room, write := checks.Disk(dir, 0.1), health.WriteReadBack(dir)
	wantError(t, run(t, room))
	wantError(t, run(t, write))

	big := filepath.Join(dir, "big")
	if err := os.WriteFile(big, make([]byte, 1<<20), 0o600); err != nil {
		t.Fatal(err)
	}
	wantError(t, run(t, room), dir, "0.0 % of the space is free", "at least 10.0 %")
	wantError(t, run(t, write), "no space left")
	if err := os.Remove(big); err != nil {
		t.Fatal(err)
	}
	wantError(t, run(t, room))

	var err error
	for err == nil {
		var f *os.File
		if f, err = os.CreateTemp(dir, "small"); err == nil {
			f.Close()
		}
	}
	wantError(t, run(t, room), "0.0 % of the inodes are free")
	wantError(t, run(t, write), "no space left")
}
