//go:build unix

package logfile

import (
	"os"
	"syscall"
)

// elsewhere is f by a descriptor above 2. It is closed when it is garbage.
func elsewhere(f *os.File) *os.File {
	raw, err := f.SyscallConn()
	if err != nil {
		return f
	}
	other := f
	_ = raw.Control(func(fd uintptr) {
		if fd > 2 {
			return // the application has put something else in its place
		}
		syscall.ForkLock.RLock()
		defer syscall.ForkLock.RUnlock()
		if dup, err := syscall.Dup(int(fd)); err == nil {
			syscall.CloseOnExec(dup)
			other = os.NewFile(uintptr(dup), f.Name())
		}
	})
	return other
}
