package series_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/rusmes/otelmail"
)

// TestNoSeriesIsNamedByHand: code that is not generated has a name of this package.
func TestNoSeriesIsNamedByHand(t *testing.T) {
	named := map[string]bool{}
	for _, m := range otelmail.Catalog() {
		named[m.Name] = true
	}
	files := 0
	for _, dir := range []string{"exporters", "observe", "instrumentation", "check", "otelmailtest"} {
		err := filepath.WalkDir(filepath.Join("..", "..", dir), func(path string, _ fs.DirEntry, err error) error {
			if err != nil || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
				return err
			}
			files++
			parsed, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.SkipObjectResolution)
			if err != nil {
				return err
			}
			ast.Inspect(parsed, func(n ast.Node) bool {
				if text, ok := n.(*ast.BasicLit); ok && text.Kind == token.STRING {
					if name, err := strconv.Unquote(text.Value); err == nil && named[name] {
						t.Errorf("%s names %s by hand", path, name)
					}
				}
				return true
			})
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	if files < 100 {
		t.Errorf("only %d files were looked at", files)
	}
}
