package health_test

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/rusmes/otelmail/health"
)

func TestWriteReadBack(t *testing.T) {
	dir := t.TempDir()
	check := health.WriteReadBack(dir)
	// Several servers may share a directory.
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			if err := check(t.Context()); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	wantEmpty(t, dir)
}

func TestWriteReadBackNeedsADirectory(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	tests := map[string]struct {
		dir  string
		is   error
		says string
	}{
		"empty":     {"", nil, "directory name is empty"},
		"missing":   {filepath.Join(t.TempDir(), "none"), fs.ErrNotExist, "create"},
		"not a dir": {file, nil, "create"},
	}
	for name, tt := range tests {
		err := health.WriteReadBack(tt.dir)(t.Context())
		if err == nil || !strings.Contains(err.Error(), tt.says) || !strings.Contains(err.Error(), tt.dir) {
			t.Errorf("%s: %v, want %q and the directory", name, err, tt.says)
		}
		if tt.is != nil && !errors.Is(err, tt.is) {
			t.Errorf("%s: %v is not %v", name, err, tt.is)
		}
	}
}

// stepContext acts when the check asks its context before step number at.
type stepContext struct {
	context.Context
	at  int
	act func() error
}

func (c *stepContext) Err() error {
	c.at--
	if c.at == 0 {
		return c.act()
	}
	return nil
}

func TestWriteReadBackHeedsItsContextAndCleansUp(t *testing.T) {
	for i, step := range []string{"create", "write", "sync", "read back"} {
		dir := t.TempDir()
		ctx := &stepContext{t.Context(), i + 1, func() error { return context.Canceled }}
		err := health.WriteReadBack(dir)(ctx)
		if !errors.Is(err, context.Canceled) || !strings.Contains(err.Error(), step) {
			t.Errorf("cancelled before %s: %v", step, err)
		}
		wantEmpty(t, dir)
	}
}

func TestWriteReadBackNoticesWhatHappensToTheFile(t *testing.T) {
	tests := []struct {
		name   string
		tamper func(file string) error
		wants  []string
	}{
		{"shorter", func(file string) error { return os.Truncate(file, 3) }, []string{"read back", "3 bytes differ"}},
		{"longer", appendByte, []string{"read back", "differ"}},
		{"other bytes", overwrite, []string{"read back", "differ"}},
		{"removed", os.Remove, []string{"read back", "remove"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			dir := t.TempDir()
			const beforeReadBack = 4
			err := health.WriteReadBack(dir)(&stepContext{t.Context(), beforeReadBack, func() error {
				files, err := os.ReadDir(dir)
				if err != nil || len(files) != 1 || !strings.HasPrefix(files[0].Name(), ".otelmail-health-") {
					t.Fatalf("files in use: %v, %v", files, err)
				}
				if err := tt.tamper(filepath.Join(dir, files[0].Name())); err != nil {
					t.Fatal(err)
				}
				return nil
			}})
			if err == nil {
				t.Fatal("no error")
			}
			for _, want := range tt.wants {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("error %q does not say %q", err, want)
				}
			}
			wantEmpty(t, dir)
		})
	}
}

func appendByte(file string) error {
	content, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	return os.WriteFile(file, append(content, '!'), 0o600)
}

func overwrite(file string) error {
	content, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	content[0] ^= 1
	return os.WriteFile(file, content, 0o600)
}

func wantEmpty(t *testing.T, dir string) {
	t.Helper()
	files, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		t.Errorf("left behind: %s", file.Name())
	}
}
