package reference_test

import (
	"fmt"
	"go/ast"
	"go/doc/comment"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestSnippetsAreCompiled: every piece of Go that README, docs and the packages' comments
// show stands, line by line, in an example or in the program of a test, which the compiler
// sees.
func TestSnippetsAreCompiled(t *testing.T) {
	var compiled, shown []string
	where := map[string]string{}
	show := func(place, snippet string) {
		shown = append(shown, snippet)
		where[snippet] = place
	}
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return fmt.Errorf("look for snippets: %w", err)
		}
		name := d.Name()
		if d.IsDir() {
			if name != "." && name != ".." && (strings.HasPrefix(name, ".") || name == "testdata" || name == "internal" || name == "tools" || name == "bin") {
				return filepath.SkipDir
			}
			return nil
		}
		if !strings.HasSuffix(name, ".md") && !strings.HasSuffix(name, ".go") {
			return nil
		}
		text, err := os.ReadFile(path)
		if err != nil {
			return fmt.Errorf("read %s: %w", path, err)
		}
		switch {
		case strings.HasSuffix(name, ".md"):
			for _, block := range strings.Split(string(text), "```go\n")[1:] {
				snippet, _, _ := strings.Cut(block, "```")
				show(path, snippet)
			}
			for line := range strings.Lines(string(text)) {
				if strings.HasPrefix(line, "    ") && strings.Contains(line, " := ") {
					t.Errorf("%s: Go outside of a block that begins with ```go:\n%s", path, line)
				}
			}
		case strings.HasPrefix(name, "example") && strings.HasSuffix(name, "_test.go"):
			compiled = append(compiled, flat(string(text)))
		case !strings.HasSuffix(name, "_test.go"):
			return codeInComments(path, text, show)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(shown) < 10 || len(compiled) < 8 {
		t.Fatalf("%d snippets and %d examples were found", len(shown), len(compiled))
	}
	all := strings.Join(compiled, "\n")
	for _, snippet := range shown {
		if strings.HasPrefix(snippet, "package main") {
			continue // the quick start's, which the integration tests build and run
		}
		if !strings.Contains(all, flat(snippet)) {
			t.Errorf("%s shows what no example has:\n%s", where[snippet], snippet)
		}
	}
}

// codeInComments shows the Go in the documentation comments of a file.
func codeInComments(path string, text []byte, show func(place, snippet string)) error {
	file, err := parser.ParseFile(token.NewFileSet(), path, text, parser.ParseComments)
	if err != nil {
		return fmt.Errorf("parse %s: %w", path, err)
	}
	if file.Name.Name == "main" {
		return nil
	}
	var docs []*ast.CommentGroup
	ast.Inspect(file, func(n ast.Node) bool {
		switch d := n.(type) {
		case *ast.File:
			docs = append(docs, d.Doc)
		case *ast.FuncDecl:
			if d.Name.IsExported() {
				docs = append(docs, d.Doc)
			}
		case *ast.GenDecl:
			docs = append(docs, d.Doc)
		}
		return true
	})
	for _, d := range docs {
		for _, block := range new(comment.Parser).Parse(d.Text()).Content {
			if code, ok := block.(*comment.Code); ok && isGo(code.Text) {
				show(path, code.Text)
			}
		}
	}
	return nil
}

// isGo tells Go from JSON, diagrams and commands.
func isGo(code string) bool {
	_, err := parser.ParseFile(token.NewFileSet(), "", "package p\nfunc _() {\n"+code+"\n}", 0)
	return err == nil || strings.Contains(code, ":= ")
}

// flat is the text without indentation and without what gofmt aligns.
func flat(code string) string {
	var lines []string
	for line := range strings.Lines(code) {
		if line = strings.Join(strings.Fields(line), " "); line != "" {
			lines = append(lines, line)
		}
	}
	return strings.Join(lines, "\n")
}
