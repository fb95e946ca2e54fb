//go:build linux || darwin

package demo

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"syscall"
)

const (
	// largestFilled is the size of the largest file system that is filled, in bytes: nobody
	// wants to see that of a real one.
	largestFilled = 1 << 30
	// fullButFor is the share that is left, 1/50.
	fullButFor = 50
)

// ballast has a dot in front, as the files of the storage check: no program that walks the
// spool takes it for mail.
const ballast = ".ballast"

// diskFull fills the file system of the spool, if it is small.
func (d *Demo) diskFull(context.Context) (func() error, error) {
	var s syscall.Statfs_t
	if err := syscall.Statfs(d.spool.dir, &s); err != nil {
		return nil, fmt.Errorf("ask how much of %s is free: %w", d.spool.dir, err)
	}
	block := uint64(s.Bsize)
	if size := s.Blocks * block; size > largestFilled {
		return nil, fmt.Errorf("%s is on a file system of %d MiB: want one of at most %d MiB, like that of "+
			"mount -t tmpfs -o size=64m tmpfs DIRECTORY, and --spool there", d.spool.dir, size>>20, largestFilled>>20)
	}
	file := filepath.Join(d.spool.dir, ballast)
	end := func() error { return errors.Join(os.Remove(file), d.watchDisk()) }
	filling := (s.Bavail - min(s.Bavail, s.Blocks/fullButFor)) * block
	if err := writeSynced(file, make([]byte, filling)); err != nil {
		return nil, errors.Join(fmt.Errorf("fill the disk: %w", err), end())
	}
	return end, d.watchDisk()
}
