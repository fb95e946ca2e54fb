// Package upstream runs the tests of a mail library itself against a server of it that
// is observed.
package upstream

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// Test copies a module from where the go command keeps it, replaces in its files what
// edits says (old text, new text), adds the files of extra, and runs the tests of
// packages there. The module under test and this one are what the copy imports.
func Test(t *testing.T, module string, edits map[string][]string, extra map[string]string, packages ...string) {
	t.Helper()
	if testing.Short() {
		t.Skip("builds a library and its tests")
	}
	here, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	dir := filepath.Join(t.TempDir(), "copy")
	if err := os.CopyFS(dir, os.DirFS(goOutput(t, here, "list", "-m", "-f", "{{.Dir}}", module))); err != nil {
		t.Fatal(err)
	}
	for name, pairs := range edits {
		path := filepath.Join(dir, name)
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		edited := string(text)
		for i := 0; i < len(pairs); i += 2 {
			if !strings.Contains(edited, pairs[i]) {
				t.Fatalf("%s of %s has no %q", name, module, pairs[i])
			}
			edited = strings.ReplaceAll(edited, pairs[i], pairs[i+1])
		}
		write(t, path, edited)
	}
	for name, text := range extra {
		write(t, filepath.Join(dir, name), text)
	}
	root := goOutput(t, here, "list", "-m", "-f", "{{.Dir}}", "github.com/rusmes/otelmail")
	version := goOutput(t, here, "list", "-f", "{{.Module.GoVersion}}", ".")
	write(t, filepath.Join(dir, "go.work"), fmt.Sprintf("go %s\nuse (\n.\n%q\n%q\n)\n", version, root, here))
	out := goOutput(t, dir, append([]string{"test", "-count=1"}, packages...)...)
	t.Log(out)
}

// write replaces a file: those of the cache may not be written to.
func write(t *testing.T, path, text string) {
	t.Helper()
	_ = os.Remove(path)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

func goOutput(t *testing.T, dir string, args ...string) string {
	t.Helper()
	cmd := exec.Command("go", args...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "GOFLAGS=")
	if _, err := os.Stat(filepath.Join(dir, "go.work")); err == nil {
		cmd.Env = append(cmd.Env, "GOWORK="+filepath.Join(dir, "go.work"))
	}
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("go %s: %v\n%s", strings.Join(args, " "), err, out)
	}
	return strings.TrimSpace(string(out))
}
