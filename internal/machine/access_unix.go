//go:build linux || darwin

package machine

import (
	"fmt"
	"os"
	"syscall"
)

// Writable returns why this user may not write the file, or make files in the directory;
// nil if that is allowed. Nothing is opened.
func Writable(path string) error {
	const write, search = 2, 1
	mode := uint32(write)
	if info, err := os.Stat(path); err == nil && info.IsDir() {
		mode |= search
	}
	if err := syscall.Access(path, mode); err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	return nil
}
