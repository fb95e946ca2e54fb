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
	free := Shares(s.Blocks, s.Bfree, s.Bavail, s.Files, s.Ffree)
	free.Bytes = s.Bavail * uint64(s.Bsize)
	free.InMemory = inMemory(uint64(s.Type))
	return free, nil
}

// inMemory judges the type of a file system by Linux's <linux/magic.h>: tmpfs and ramfs. The
// numbers of other systems are small.
func inMemory(kind uint64) bool {
	const tmpfs, ramfs = 0x01021994, 0x858458f6
	return uint32(kind) == tmpfs || uint32(kind) == ramfs
}
