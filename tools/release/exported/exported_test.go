package exported_test

import (
	"fmt"
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/rusmes/otelmail/tools/release/exported"
)

const root = "../../.."

// says is the sentence of a comment that names who calls what nothing here does.
var says = regexp.MustCompile(`(?m)(^|\. )For [a-z]`)

// TestEveryNameHasACaller: whatever is exported is used by another package or an example,
// or its comment has a sentence "For …" that says who uses it. docs/architecture.md says how
// many names each package has.
func TestEveryNameHasACaller(t *testing.T) {
	all, err := exported.Load(root, ".", "bench", "cmd/otelmail", "integration",
		"instrumentation/otelimap", "instrumentation/otelimapv1", "instrumentation/otelsmtp")
	if err != nil {
		t.Fatal(err)
	}
	table := "| package | exported names |\n|---|--:|\n"
	for _, p := range all {
		for _, n := range p.Names {
			if !n.Used && !says.MatchString(strings.ReplaceAll(n.Doc, "\n", " ")) {
				t.Errorf("%s: %s has no caller, and its comment names none", p.Path, n.Name)
			}
		}
		table += fmt.Sprintf("| `%s` | %d |\n", strings.TrimPrefix(p.Path, "./"), len(p.Names))
	}
	if len(all) < 12 {
		t.Fatalf("%d packages were found", len(all))
	}
	page, err := os.ReadFile(root + "/docs/architecture.md")
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(page), table) {
		t.Errorf("docs/architecture.md does not have\n%s", table)
	}
}
