package privatefile

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	bolterrors "go.etcd.io/bbolt/errors"

	"github.com/rusmes/otelmail/internal/settings"
)

// ErrNotOurs is a database with our name whose content is not ours.
var ErrNotOurs = errors.New("not a file of this program's version")

// Database is a file of bbolt in a directory that a setting names.
type Database struct {
	Setting, Dir, Name string
}

// Wrong is an error in the words of the setting: want is what is allowed.
func (d Database) Wrong(want string, err error) error {
	return fmt.Errorf("%w: %w", settings.Invalid(d.Setting, d.Dir, want), err)
}

// MakeDir makes the directory where there is none, and refuses one that others may write.
func (d Database) MakeDir() error {
	if err := os.Mkdir(d.Dir, 0o700); err != nil && !errors.Is(err, fs.ErrExist) {
		return d.Wrong("a directory in which this process may create and write files", err)
	}
	if err := CheckDir(d.Dir); err != nil {
		return d.Wrong("a directory in which only this process may create and write files, or one beneath it that does not exist yet", err)
	}
	return nil
}

// Opened is what opening the file came to, in the words of the setting.
func (d Database) Opened(err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, bolterrors.ErrTimeout):
		return d.Wrong("a directory that no other process uses", fmt.Errorf("%s is locked", filepath.Join(d.Dir, d.Name)))
	case errors.Is(err, ErrNotPrivate):
		return d.Wrong("a directory whose "+d.Name+" is a file of this process's own, that only it may read and write", err)
	case errors.Is(err, ErrNotOurs):
		return d.Wrong("a directory without a foreign "+d.Name, err)
	}
	return d.Wrong("a directory in which this process may create and write files", err)
}
