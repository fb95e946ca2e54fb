package machine

import (
	"fmt"
	"io"
	"os"
	"syscall"
	"time"
)

// maxFile is far more than any chain of certificates or list of domains needs: a path that
// names something else is not read into memory.
const maxFile = 1 << 20

// ReadFile reads a file of at most 1 MiB, and tells when it was changed. It waits for
// nobody: a FIFO, a device or a directory is an error.
func ReadFile(path string) (text []byte, changed time.Time, err error) {
	f, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return nil, changed, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, changed, err
	}
	if info.Mode().IsRegular() {
		text, err = io.ReadAll(io.LimitReader(f, maxFile+1))
	}
	if err == nil && (!info.Mode().IsRegular() || len(text) > maxFile) {
		err = fmt.Errorf("%s is not a file of at most 1 MiB", path)
	}
	if err != nil {
		return nil, changed, err
	}
	return text, info.ModTime(), nil
}
