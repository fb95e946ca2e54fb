package privatefile_test

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	bolterrors "go.etcd.io/bbolt/errors"

	"github.com/rusmes/otelmail/internal/privatefile"
)

// TestOpened: each reason in the words of the setting, with the reason behind it.
func TestOpened(t *testing.T) {
	d := privatefile.Database{Setting: "DIR", Dir: "/d", Name: "x.db"}
	if err := d.Opened(nil); err != nil {
		t.Error(err)
	}
	for _, tc := range []struct {
		err  error
		want string
	}{
		{bolterrors.ErrTimeout, `DIR: "/d" is not allowed: want a directory that no other process uses: ` + filepath.Join("/d", "x.db") + " is locked"},
		{fmt.Errorf("x: %w", privatefile.ErrNotPrivate), `DIR: "/d" is not allowed: want a directory whose x.db is a file of this process's own, that only it may read and write: x: not private`},
		{fmt.Errorf("%w: x", privatefile.ErrNotOurs), `DIR: "/d" is not allowed: want a directory without a foreign x.db: not a file of this program's version: x`},
		{fs.ErrPermission, `DIR: "/d" is not allowed: want a directory in which this process may create and write files: ` + fs.ErrPermission.Error()},
	} {
		if err := d.Opened(tc.err); err == nil || err.Error() != tc.want {
			t.Errorf("%v, want %s", err, tc.want)
		}
	}
}

func TestMakeDir(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "new")
	d := privatefile.Database{Setting: "DIR", Dir: dir, Name: "x.db"}
	for range 2 {
		if err := d.MakeDir(); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Chmod(dir, 0o777); err != nil { //nolint:gosec // what is refused
		t.Fatal(err)
	}
	if err := d.MakeDir(); !errors.Is(err, privatefile.ErrNotPrivate) || !strings.Contains(err.Error(), `DIR: "`+dir+`"`) {
		t.Errorf("%v", err)
	}
	d.Dir = filepath.Join(dir, "none", "deep")
	if err := d.MakeDir(); !errors.Is(err, fs.ErrNotExist) || !strings.Contains(err.Error(), "may create and write files") {
		t.Errorf("%v", err)
	}
}
