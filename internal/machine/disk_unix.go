//go:build linux || darwin

package machine

import (
	"fmt"
	"syscall"
)

// ErrNoDisks is why this system does not tell what is free; nil where it does.
var ErrNoDisks error

// Disk asks how much is free of the file system that path lies on. The question may hang
// where that is on a network.
func Disk(path string) (Free, error) {
	var s syscall.Statfs_t
	if err := syscall.Statfs(path, &s); err != nil {
		return Free{}, fmt.Errorf("ask how much of %s is free: %w", path, err)
	}
	return Shares(s.Blocks, s.Bfree, s.Bavail, s.Files, s.Ffree), nil
}
