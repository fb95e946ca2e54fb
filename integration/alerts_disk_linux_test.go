package integration

import (
	"fmt"
	"testing"

	"golang.org/x/sys/unix"
)

// ownDisk is a directory on a small disk that nobody else writes to, where this process may mount it.
func ownDisk(t *testing.T, megabytes int) (dir string, small bool) {
	t.Helper()
	dir = t.TempDir()
	if err := unix.Mount("tmpfs", dir, "tmpfs", 0, fmt.Sprintf("size=%dm,mode=0700", megabytes)); err != nil {
		t.Logf("no disk is filled: mounting a small one: %v", err)
		return dir, false
	}
	t.Cleanup(func() {
		if err := unix.Unmount(dir, unix.MNT_DETACH); err != nil {
			t.Errorf("unmounting %s: %v", dir, err)
		}
	})
	return dir, true
}
