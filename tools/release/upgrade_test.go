package main

import (
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"golang.org/x/mod/modfile"
)

func upgradingPage(t *testing.T) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("..", "..", "docs", "upgrading.md"))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// TestTheUpgradeOfThePage runs the commands of docs/upgrading.md where two versions are served.
func TestTheUpgradeOfThePage(t *testing.T) {
	work := t.TempDir()
	for _, version := range []string{"v0.998.0", "v0.999.0"} {
		tree := filepath.Join(work, version)
		if err := (repository{filepath.Join("..", "..")}).copyTo(t.Context(), tree); err != nil {
			t.Fatal(err)
		}
		modules, err := findModules(tree)
		if err != nil {
			t.Fatal(err)
		}
		if err := prepare(tree, filepath.Join(work, "proxy"), modules, version); err != nil {
			t.Fatal(err)
		}
	}
	user, dir := outside(t, work), t.TempDir()
	write(t, filepath.Join(dir, "main.go"), `package main

import (
	_ "github.com/rusmes/otelmail"
	_ "github.com/rusmes/otelmail/instrumentation/otelimapv1"
	_ "github.com/rusmes/otelmail/instrumentation/otelsmtp"
)

func main() {}
`)
	user.run(t, dir, "mod", "init", "example.com/server")
	user.run(t, dir, "get", "github.com/rusmes/otelmail@v0.998.0",
		"github.com/rusmes/otelmail/instrumentation/otelimapv1@v0.998.0", "github.com/rusmes/otelmail/instrumentation/otelsmtp@v0.998.0")

	_, block, _ := strings.Cut(upgradingPage(t), "   ```sh\n")
	commands, _, _ := strings.Cut(block, "   ```")
	cmd := exec.CommandContext(t.Context(), "sh", "-ec", commands)
	cmd.Dir, cmd.Env = dir, user
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	mod, err := os.ReadFile(filepath.Join(dir, "go.mod"))
	if err != nil {
		t.Fatal(err)
	}
	if got := strings.Count(string(mod), " v0.999.0"); got != 3 || strings.Contains(string(mod), "v0.998.0") {
		t.Errorf("after the upgrade go.mod is\n%s", mod)
	}
}

var supported = regexp.MustCompile(`(?m)^\| (Go|\S+/\S+) \| (\d[^ ,]*|v[^ ,]+)`)

// TestThePageSaysWhatIsSupported compares the table of docs/upgrading.md, and that of
// docs/instrumentation.md, with the go.mod files of what is published.
func TestThePageSaysWhatIsSupported(t *testing.T) {
	root := filepath.Join("..", "..")
	modules, err := findModules(root)
	if err != nil {
		t.Fatal(err)
	}
	required := map[string]string{}
	for _, m := range modules {
		if strings.HasPrefix(m.dir, "cmd/") {
			continue // a program, which chooses for itself
		}
		file := filepath.Join(root, m.dir, "go.mod")
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		mod, err := modfile.Parse(file, text, nil)
		if err != nil {
			t.Fatal(err)
		}
		required["Go"] = mod.Go.Version
		for _, r := range mod.Require {
			if !r.Indirect {
				required[r.Mod.Path] = r.Mod.Version
			}
		}
	}
	said := map[string]string{}
	for _, row := range supported.FindAllStringSubmatch(upgradingPage(t), -1) {
		said[row[1]] = row[2]
		if required[row[1]] != row[2] {
			t.Errorf("docs/upgrading.md: the oldest %s is %s, and go.mod asks for %s", row[1], row[2], required[row[1]])
		}
	}
	if len(said) != 5 {
		t.Fatalf("docs/upgrading.md lists %v", slices.Sorted(maps.Keys(said)))
	}
	wrapping, err := os.ReadFile(filepath.Join(root, "docs", "instrumentation.md"))
	if err != nil {
		t.Fatal(err)
	}
	for name, version := range said {
		if strings.Contains(name, "/emersion/") && !strings.Contains(string(wrapping), "| "+name+" | "+version+" |") {
			t.Errorf("docs/instrumentation.md: no row for %s %s", name, version)
		}
	}
}
