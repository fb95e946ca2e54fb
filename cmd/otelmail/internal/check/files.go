package check

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"
)

const (
	logOutput = "RUSMES_LOG_OUTPUT"
	bufferDir = "RUSMES_OTLP_BUFFER_DIR"
)

// files judges the two settings whose files a server would make, and makes none.
func (j *judge) files() {
	if path := strings.TrimSpace(j.env[logOutput]); path != "" && path != "stdout" && path != "stderr" {
		if err := writable(path); err != nil {
			j.found(fmt.Errorf("%s: %q is not allowed: want stdout, stderr or the path of a file that can be written: %w", logOutput, path, err))
		}
	}
	if path := strings.TrimSpace(j.env[bufferDir]); path != "" {
		if err := directory(path); err != nil {
			j.found(fmt.Errorf("%s: %q is not allowed: want the path of a directory: %w", bufferDir, path, err))
		}
	}
}

// writable returns why a server could not append to path.
func writable(path string) error {
	info, err := os.Stat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return isDirectory(filepath.Dir(path))
	case err != nil:
		return err
	case info.IsDir():
		return fmt.Errorf("%s is a directory", path)
	case !info.Mode().IsRegular(): // opening a pipe waits for its reader
		return nil
	}
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_APPEND, 0)
	if err != nil {
		return err
	}
	return f.Close()
}

// directory returns why a server could not use path, whose last part it would make.
func directory(path string) error {
	path = filepath.Clean(path) // a slash at its end would follow a link
	info, err := os.Lstat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return isDirectory(filepath.Dir(path))
	case err != nil:
		return err
	case info.Mode()&fs.ModeSymlink != 0:
		return fmt.Errorf("%s is a symbolic link", path)
	case runtime.GOOS != "windows" && info.Mode().Perm()&0o002 != 0:
		return fmt.Errorf("every user may write into %s", path)
	}
	return isDirectory(path)
}

func isDirectory(path string) error {
	info, err := os.Stat(path)
	if err == nil && !info.IsDir() {
		err = fmt.Errorf("%s is not a directory", path)
	}
	return err
}
