package checkup

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"

	"github.com/rusmes/otelmail/export"
	"github.com/rusmes/otelmail/internal/machine"
)

// Directory is where a server would keep a file of its own.
type Directory struct {
	Setting string // that names it, for findings
	Path    string
	File    string // its name
	Room    int64  // how large it may become, in bytes
	Wants   string // what is allowed
}

// Check judges the directory, whose last part a server would make, and makes nothing. A file
// system that does not answer while ctx lasts is wrong, too.
func (d Directory) Check(ctx context.Context) []export.Finding {
	done := make(chan []export.Finding, 1)
	go func() { done <- d.check() }()
	select {
	case findings := <-done:
		return findings
	case <-ctx.Done():
		return d.wrong(errors.New("the file system does not answer in time"))
	}
}

func (d Directory) wrong(err error) []export.Finding {
	return []export.Finding{{Level: export.Wrong, Text: fmt.Sprintf("%s: %q is not allowed: want %s: %v", d.Setting, d.Path, d.Wants, err)}}
}

func (d Directory) check() []export.Finding {
	path := filepath.Clean(d.Path) // a slash at its end would follow a link
	text := fmt.Sprintf("%s: %q can be written", d.Setting, d.Path)
	info, err := os.Lstat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		text = fmt.Sprintf("%s: %q can be made, for this user alone", d.Setting, d.Path)
		path = filepath.Dir(path)
		if err = isDirectory(path); err != nil {
			return d.wrong(err)
		}
	case err != nil:
		return d.wrong(err)
	case info.Mode()&fs.ModeSymlink != 0:
		return d.wrong(fmt.Errorf("%s is a symbolic link", path))
	case !info.IsDir():
		return d.wrong(fmt.Errorf("%s is not a directory", path))
	case runtime.GOOS == "windows":
	case info.Mode().Perm()&0o002 != 0:
		return d.wrong(fmt.Errorf("every user may write into %s, whose mode is %#o", path, info.Mode().Perm()))
	case info.Mode().Perm()&0o020 != 0:
		text += ", by its owner and its group"
	default:
		text += ", by its owner alone"
	}
	if err := machine.Writable(path); err != nil {
		return d.wrong(fmt.Errorf("this user may not make files in %s: %w", path, err))
	}
	file := filepath.Join(filepath.Clean(d.Path), d.File)
	if err := machine.Writable(file); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return d.wrong(fmt.Errorf("this user may not write %s: %w", file, err))
	}
	return d.disk(path, text)
}

func (d Directory) disk(path, text string) []export.Finding {
	free, err := machine.Disk(path)
	if err != nil { // this system does not tell
		return []export.Finding{{Level: export.Good, Text: text}}
	}
	findings := []export.Finding{{Level: export.Good, Text: fmt.Sprintf("%s, and has %s free", text, Bytes(free.Bytes))}}
	if free.InMemory {
		findings = append(findings, export.Finding{Level: export.Unwise, Text: fmt.Sprintf(
			"%s: %q is in memory (tmpfs): what is kept there does not survive a restart of the machine, and takes memory from the mail server", d.Setting, d.Path)})
	}
	if d.Room > 0 && free.Bytes < uint64(d.Room) {
		findings = append(findings, export.Finding{Level: export.Unwise, Text: fmt.Sprintf(
			"%s: %q has %s free, and up to %s may be kept there", d.Setting, d.Path, Bytes(free.Bytes), Bytes(uint64(d.Room)))})
	}
	return findings
}

func isDirectory(path string) error {
	info, err := os.Stat(path)
	if err == nil && !info.IsDir() {
		err = fmt.Errorf("%s is not a directory", path)
	}
	return err
}

// LogFile returns why a server could not append to the file, which it makes where there is
// none.
func LogFile(path string) error {
	info, err := os.Stat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		if err := isDirectory(filepath.Dir(path)); err != nil {
			return err
		}
		return machine.Writable(filepath.Dir(path))
	case err != nil:
		return err
	case info.IsDir():
		return fmt.Errorf("%s is a directory", path)
	}
	return machine.Writable(path)
}
