//go:build linux || darwin

package otelmail_test

import (
	"math"
	"syscall"
	"testing"
)

// TestFreeAsDfCounts: what is reserved for root is neither free nor used.
func TestFreeAsDfCounts(t *testing.T) {
	dir := t.TempDir()
	var s syscall.Statfs_t
	if err := syscall.Statfs(dir, &s); err != nil {
		t.Fatal(err)
	}
	used, free := float64(s.Blocks-s.Bfree), float64(s.Bavail)
	tel, reader := start(t)
	if err := tel.Host.WatchDisk("tmp", dir); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the disk shows", func() bool { return len(fractions(t, reader, "disk_free_ratio")) == 1 })
	if got, want := fractions(t, reader, "disk_free_ratio")["tmp"], free/(used+free); math.Abs(got-want) > 0.05 {
		t.Errorf("%v is free, want %v", got, want)
	}
	if got, want := fractions(t, reader, "inode_free_ratio")["tmp"], float64(s.Ffree)/float64(s.Files); s.Files > 0 && math.Abs(got-want) > 0.05 {
		t.Errorf("%v of the inodes is free, want %v", got, want)
	}
}
