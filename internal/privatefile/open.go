// Package privatefile opens files that nobody but their owner may read or write.
package privatefile

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"runtime"
)

// ErrNotPrivate is a directory or file that somebody else may have put there or may read.
var ErrNotPrivate = errors.New("not private")

// othersMayWrite are the permissions of a directory in which every user may replace our
// file. Its group may: whoever made the directory has chosen that, as volumes of Kubernetes do.
const othersMayWrite fs.FileMode = 0o002

// CheckDir reports whether a file in dir is safe from strangers. The mode of a directory
// is never changed: it may be shared, as /var/mail is.
func CheckDir(dir string) error {
	info, err := os.Lstat(dir)
	switch {
	case err != nil:
		return err
	case info.Mode()&fs.ModeSymlink != 0:
		return fmt.Errorf("%w: %s is a symbolic link", ErrNotPrivate, dir)
	case runtime.GOOS != "windows" && info.Mode().Perm()&othersMayWrite != 0:
		return fmt.Errorf("%w: %s has the mode %#o", ErrNotPrivate, dir, info.Mode().Perm())
	}
	return nil
}

// Open opens or creates a file that only its owner may read or write. It follows
// no symbolic link, not even one that appears meanwhile, and opens nothing but a file.
func Open(path string, flag int, mode os.FileMode) (*os.File, error) {
	before, err := os.Lstat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return os.OpenFile(path, flag|os.O_EXCL, mode) // which follows no link
	case err != nil:
		return nil, err
	case !before.Mode().IsRegular():
		return nil, fmt.Errorf("%w: %s is %s", ErrNotPrivate, path, kindOf(before.Mode()))
	}
	f, err := os.OpenFile(path, flag&^os.O_CREATE, mode)
	if err != nil {
		return nil, err
	}
	if err := makePrivate(f, before); err != nil {
		_ = f.Close()
		return nil, err
	}
	return f, nil
}

func makePrivate(f *os.File, before fs.FileInfo) error {
	now, err := f.Stat()
	if err == nil && !os.SameFile(before, now) {
		return fmt.Errorf("%w: %s was replaced while it was opened", ErrNotPrivate, f.Name())
	}
	if err != nil || isPrivate(now) {
		return err
	}
	if err = f.Chmod(0o600); err == nil {
		now, err = f.Stat() // not every file system has modes
	}
	if err != nil || !isPrivate(now) {
		return errors.Join(fmt.Errorf("%w: %s has the mode %#o", ErrNotPrivate, f.Name(), now.Mode().Perm()), err)
	}
	return nil
}

func isPrivate(info fs.FileInfo) bool {
	return runtime.GOOS == "windows" || info.Mode().Perm()&0o077 == 0
}

func kindOf(mode fs.FileMode) string {
	switch {
	case mode&fs.ModeSymlink != 0:
		return "a symbolic link"
	case mode.IsDir():
		return "a directory"
	}
	return "no ordinary file"
}
