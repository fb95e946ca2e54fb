//go:build linux || darwin

package otelmail

import (
	"fmt"
	"syscall"
)

var errNoStatfs error

// statfs asks the system, which may hang where the path lies on a network.
func statfs(path string) (disk, error) {
	var s syscall.Statfs_t
	if err := syscall.Statfs(path, &s); err != nil {
		return disk{}, fmt.Errorf("ask how much of %s is free: %w", path, err)
	}
	// As df counts: what is reserved for root is neither free nor used.
	d := disk{space: share(s.Bavail, s.Blocks-s.Bfree+s.Bavail), noInodes: s.Files == 0}
	d.inodes = share(s.Ffree, s.Files)
	return d, nil
}

// share is 0 of nothing.
func share(part, whole uint64) float64 {
	if whole == 0 {
		return 0
	}
	return min(float64(part)/float64(whole), 1)
}
