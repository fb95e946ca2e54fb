//go:build linux || darwin

package health

import (
	"fmt"
	"os"
	"runtime"
	"syscall"
)

// descriptors returns how many are open, and how many may be.
func descriptors() (open, most uint64, err error) {
	var limit syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil {
		return 0, 0, fmt.Errorf("ask for the limit: %w", err)
	}
	list := "/dev/fd"
	if runtime.GOOS == "linux" {
		list = "/proc/self/fd"
		if info, err := os.Stat(list); err == nil && info.Size() > 0 {
			return uint64(info.Size()), limit.Cur, nil
		}
	}
	entries, err := os.ReadDir(list)
	if err != nil {
		return 0, 0, fmt.Errorf("ask what is open: %w", err)
	}
	return uint64(len(entries)), limit.Cur, nil
}
