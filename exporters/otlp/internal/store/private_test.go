package store

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
)

// What the buffer opens is never a link to a file outside, nor in a directory in which
// strangers may put one.
func TestLinksAreRefused(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("links need rights")
	}
	for _, tt := range []struct {
		name string
		make func(dir, outside string) error
		dir  string // that is opened
		want string
	}{
		{"the file", func(dir, outside string) error {
			return os.Symlink(outside, filepath.Join(dir, FileName))
		}, "", "is a symbolic link"},
		{"the file, to nowhere", func(dir, outside string) error {
			return os.Symlink(outside+"-new", filepath.Join(dir, FileName))
		}, "", "is a symbolic link"},
		{"the file is a directory", func(dir, _ string) error {
			return os.Mkdir(filepath.Join(dir, FileName), 0o700)
		}, "", "is a directory"},
		{"the directory", func(dir, outside string) error {
			return os.Symlink(filepath.Dir(outside), filepath.Join(dir, "link"))
		}, "link", "link is a symbolic link"},
		{"the directory, with a slash", func(dir, outside string) error {
			return os.Symlink(filepath.Dir(outside), filepath.Join(dir, "link"))
		}, "link/", "link is a symbolic link"},
		{"the directory, to nowhere", func(dir, outside string) error {
			return os.Symlink(outside+"-new", filepath.Join(dir, "link"))
		}, "link", "link is a symbolic link"},
		{"everybody may write into the directory", func(dir, _ string) error {
			return os.Chmod(dir, 0o777) //nolint:gosec // is what is tested
		}, "", "has the mode 0777"},
		{"so may they with the sticky bit, as into /tmp", func(dir, _ string) error {
			return os.Chmod(dir, os.ModeSticky|0o777)
		}, "", "has the mode 0777"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			dir, outside := t.TempDir(), filepath.Join(t.TempDir(), "outside")
			if err := os.WriteFile(outside, nil, 0o600); err != nil {
				t.Fatal(err)
			}
			if err := tt.make(dir, outside); err != nil {
				t.Fatal(err)
			}
			opened := strings.TrimSuffix(dir+"/"+tt.dir, "//")
			s, err := Open(choiceFor(opened))
			if err == nil {
				closeStore(t, s)
			}
			want := fmt.Sprintf("SETTING: %q is not allowed: want a directory ", filepath.Clean(opened))
			if err == nil || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("error %v, want one with %q and %q", err, want, tt.want)
			}
			if files, err := os.ReadDir(filepath.Dir(outside)); err != nil || len(files) != 1 {
				t.Errorf("outside there are now %v, %v", files, err)
			}
			if data, err := os.ReadFile(outside); err != nil || len(data) > 0 {
				t.Errorf("the file outside has %d bytes now, %v", len(data), err)
			}
		})
	}
}

// Nor is the file that takes the place of a large one.
func TestLinkInPlaceOfTheNewFile(t *testing.T) {
	config := choiceFor(t.TempDir())
	config.MaxBytes = 64 << 20
	s, _ := mustOpen(t, config)
	outside := filepath.Join(t.TempDir(), "outside")
	if err := os.Symlink(outside, s.path+".new"); err != nil {
		t.Skip(err)
	}
	fill(s, traces, 0, 20, 500_000)
	empty(s, traces)
	s.disk.Lock()
	s.renew()
	s.disk.Unlock()
	if _, err := os.Lstat(outside); !os.IsNotExist(err) {
		t.Errorf("the file outside was made: %v", err)
	}
}

func TestFileIsForItsOwnerAlone(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("it has no such modes")
	}
	dir := filepath.Join(t.TempDir(), "made")
	s, _ := mustOpen(t, choiceFor(dir))
	fill(s, traces, 0, 3, 10)
	closeStore(t, s)
	path := filepath.Join(dir, FileName)
	mode := func(path string) os.FileMode {
		info, err := os.Stat(path)
		if err != nil {
			t.Fatal(err)
		}
		return info.Mode().Perm()
	}
	if mode(dir) != 0o700 || mode(path) != 0o600 {
		t.Errorf("made with the modes %#o and %#o", mode(dir), mode(path))
	}
	if err := os.Chmod(path, 0o666); err != nil { //nolint:gosec // is what is tested
		t.Fatal(err)
	}
	s, h := mustOpen(t, choiceFor(dir))
	if got := mode(path); got != 0o600 {
		t.Errorf("the mode is %#o", got)
	}
	if got := strings.Join(empty(s, traces), " "); got != numbers(0, 3) || h.all() != "" {
		t.Errorf("came back: %s; reports: %s", got, h.all())
	}
	closeStore(t, s)
	// What is set aside holds the same.
	if err := os.WriteFile(path, []byte(strings.Repeat("not a database\n", 1000)), 0o666); err != nil { //nolint:gosec // is what is tested
		t.Fatal(err)
	}
	if err := os.Chmod(path, 0o644); err != nil { //nolint:gosec // is what is tested
		t.Fatal(err)
	}
	mustOpen(t, choiceFor(dir))
	aside, _ := filepath.Glob(path + ".damaged-*")
	if len(aside) != 1 || mode(aside[0]) != 0o600 {
		t.Errorf("set aside: %q", aside)
	}
}
