package logfile_test

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"

	"github.com/rusmes/otelmail/internal/logfile"
)

// reports gathers what a File reports.
type reports struct {
	mu   sync.Mutex
	text []string
}

func (r *reports) report(err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.text = append(r.text, err.Error())
}

func open(t *testing.T, path string) (*logfile.File, *reports) {
	t.Helper()
	r := &reports{}
	f, err := logfile.Open(path, r.report)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = f.Close() })
	return f, r
}

func write(t *testing.T, f *logfile.File, line string) {
	t.Helper()
	if n, err := fmt.Fprintln(f, line); err != nil || n != len(line)+1 {
		t.Errorf("write %q: %d, %v", line, n, err)
	}
}

func want(t *testing.T, path, text string) {
	t.Helper()
	if got, err := os.ReadFile(path); err != nil || string(got) != text {
		t.Errorf("%s holds %q, %v; want %q", filepath.Base(path), got, err, text)
	}
}

// TestOthersMoveTheFile in each way that log rotation knows.
func TestOthersMoveTheFile(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("nobody moves an open file here")
	}
	for name, tc := range map[string]struct {
		move     func(path string) error
		old, new string
	}{
		"renamed":             {func(path string) error { return os.Rename(path, path+".1") }, "one\n", "two\n"},
		"renamed and created": {func(path string) error { _ = os.Rename(path, path+".1"); return os.WriteFile(path, nil, 0o600) }, "one\n", "two\n"},
		"copied and truncated": {func(path string) error {
			_ = os.WriteFile(path+".1", []byte("one\n"), 0o600)
			return os.Truncate(path, 0)
		}, "one\n", "two\n"},
		"removed": {os.Remove, "", "two\n"},
		"its folder is renamed": {func(path string) error {
			dir := filepath.Dir(path)
			_ = os.Rename(dir, dir+".1")
			return os.Mkdir(dir, 0o700)
		}, "", "two\n"},
		"a symbolic link is turned": {func(path string) error {
			_ = os.Rename(path, path+".1")
			_ = os.WriteFile(path+".2", nil, 0o600)
			return os.Symlink(path+".2", path)
		}, "one\n", "two\n"},
	} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "logs", "mail.log")
			if err := os.Mkdir(filepath.Dir(path), 0o700); err != nil {
				t.Fatal(err)
			}
			f, told := open(t, path)
			write(t, f, "one")
			if err := tc.move(path); err != nil {
				t.Fatal(err)
			}
			write(t, f, "two")
			want(t, path, tc.new)
			if tc.old != "" {
				want(t, path+".1", tc.old)
			}
			if len(told.text) > 0 {
				t.Errorf("it reports %q", told.text)
			}
		})
	}
}

// TestAFileThatCannotBeOpenedAgain: the lines go on into the one that is open, it is reported, and
// when it can be opened they go there.
func TestAFileThatCannotBeOpenedAgain(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("nobody moves an open file here")
	}
	dir := filepath.Join(t.TempDir(), "logs")
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, "mail.log")
	f, told := open(t, path)
	write(t, f, "one")
	if err := os.Rename(dir, dir+".1"); err != nil {
		t.Fatal(err)
	}
	write(t, f, "two")
	want(t, filepath.Join(dir+".1", "mail.log"), "one\ntwo\n")
	if len(told.text) != 1 || !strings.Contains(told.text[0], path) {
		t.Errorf("it reports %q", told.text)
	}
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	write(t, f, "three")
	want(t, path, "three\n")
}

func TestNoFile(t *testing.T) {
	dir := t.TempDir()
	for _, path := range []string{dir, filepath.Join(dir, "none", "mail.log"), filepath.Join(dir, "a\x00b")} {
		if _, err := logfile.Open(path, nil); err == nil {
			t.Errorf("%q: no error", path)
		}
	}
	path := filepath.Join(dir, "mail.log")
	open(t, path)
	if info, err := os.Stat(path); err != nil || info.Mode().Perm()&0o007 != 0 {
		t.Errorf("a new file: %v, %v; want it closed to others", info.Mode(), err)
	}
}
