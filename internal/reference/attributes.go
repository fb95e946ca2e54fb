package reference

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io"
	"io/fs"
	"path"
	"slices"
	"strconv"
	"strings"
)

// Attributes writes docs/attributes.md from the constants of package mailconv
// and their comments. source holds the package's files.
func Attributes(w io.Writer, source fs.FS) error {
	files, err := fs.Glob(source, "*.go")
	if err != nil {
		return fmt.Errorf("list the attribute files: %w", err)
	}
	slices.Sort(files)
	var b strings.Builder
	b.WriteString(Generated)
	b.WriteString(`# The attributes of our own

OpenTelemetry has no conventions for mail yet. These are the names that otelmail
uses where it has none, in the Go package ` + "`mailconv`" + `. [spans.md](spans.md) says which
span carries what, and which names of OpenTelemetry stand beside these.
`)
	for _, file := range files {
		if strings.HasSuffix(file, "_test.go") {
			continue
		}
		text, err := fs.ReadFile(source, file)
		if err != nil {
			return fmt.Errorf("read %s: %w", path.Base(file), err)
		}
		tree, err := parser.ParseFile(token.NewFileSet(), file, text, parser.ParseComments)
		if err != nil {
			return fmt.Errorf("parse %s: %w", path.Base(file), err)
		}
		for _, d := range tree.Decls {
			if g, ok := d.(*ast.GenDecl); ok && g.Tok == token.CONST {
				writeConstants(&b, g)
			}
		}
	}
	_, err = io.WriteString(w, b.String())
	return err
}

func writeConstants(b *strings.Builder, g *ast.GenDecl) {
	fmt.Fprintf(b, "\n## %s\n\n| attribute | constant | meaning |\n|---|---|---|\n",
		strings.TrimSuffix(oneLine(g.Doc.Text()), "."))
	for _, spec := range g.Specs {
		v, ok := spec.(*ast.ValueSpec)
		if !ok {
			continue
		}
		name := v.Names[0].Name
		meaning := strings.TrimPrefix(strings.TrimPrefix(oneLine(v.Doc.Text()), name+" "), "is ")
		fmt.Fprintf(b, "| `%s` | `%s` | %s |\n", key(v.Values[0]), name, meaning)
	}
}

// key returns x of attribute.Key("x").
func key(e ast.Expr) string {
	if call, ok := e.(*ast.CallExpr); ok && len(call.Args) == 1 {
		if lit, ok := call.Args[0].(*ast.BasicLit); ok {
			if s, err := strconv.Unquote(lit.Value); err == nil {
				return s
			}
		}
	}
	return "?"
}

func oneLine(s string) string { return strings.Join(strings.Fields(s), " ") }
