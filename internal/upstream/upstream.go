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

// Library is a library, and what its tests need to run against an observed server.
type Library struct {
	Module string
	Edits  map[string]func(string) string // of its files; what changes nothing fails the test
	Extra  map[string]string              // further files, by their names
	Args   []string                       // of go test: flags and packages
}

// Test copies the library from where the go command keeps it, edits the copy, and returns
// what its tests say, all of which must pass. The module under test and this one are what
// the copy imports.
func Test(t *testing.T, l Library) string {
	t.Helper()
	if testing.Short() {
		t.Skip("builds a library and its tests")
	}
	here, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	dir := filepath.Join(t.TempDir(), "copy")
	if err := os.CopyFS(dir, os.DirFS(goOutput(t, here, "list", "-m", "-f", "{{.Dir}}", l.Module))); err != nil {
		t.Fatal(err)
	}
	for name, edit := range l.Edits {
		path := filepath.Join(dir, name)
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		edited := edit(string(text))
		if edited == string(text) {
			t.Fatalf("%s of %s is another than was known", name, l.Module)
		}
		write(t, path, edited)
	}
	for name, text := range l.Extra {
		write(t, filepath.Join(dir, name), text)
	}
	root := goOutput(t, here, "list", "-m", "-f", "{{.Dir}}", "github.com/rusmes/otelmail")
	version := goOutput(t, here, "list", "-f", "{{.Module.GoVersion}}", ".")
	write(t, filepath.Join(dir, "go.work"), fmt.Sprintf("go %s\nuse (\n.\n%q\n%q\n)\n", version, root, here))
	out := goOutput(t, dir, append([]string{"test", "-count=1"}, l.Args...)...)
	t.Log(out)
	return out
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

// Watch is the text of a further file for a test package of the library's: it has a
// Telemetry, tel, and fails if the tests have not moved the series, or if not every
// session of them could be followed to its end.
func Watch(pkg, protocol, series string) string {
	return fmt.Sprintf(`package %s

import (
	"fmt"
	"os"
	"testing"

	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"

	"github.com/rusmes/otelmail"
)

var tel, _ = otelmail.New(
	otelmail.WithMeterProvider(sdkmetric.NewMeterProvider()),
	otelmail.WithTracerProvider(sdktrace.NewTracerProvider()))

func TestMain(m *testing.M) {
	code := m.Run()
	moved, _ := tel.Value(%q)
	unfollowed, _ := tel.Value("telemetry_unfollowed_sessions_total", %q)
	if fmt.Println(%q, moved, "- sessions not followed:", unfollowed); moved == 0 || unfollowed != 0 {
		code = 1
	}
	os.Exit(code)
}
`, pkg, series, protocol, series)
}
