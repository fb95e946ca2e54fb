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
span carries what, and which names of OpenTelemetry stand beside these;
[semantic-conventions.md](semantic-conventions.md) argues for each choice.
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
			if g, ok := d.(*ast.GenDecl); ok && namesAttributes(g) {
				writeConstants(&b, g)
			}
		}
	}
	_, err = io.WriteString(w, b.String())
	return err
}

// namesAttributes tells the constants that are attributes, whose names end in Key, from
// the closed sets of verbs, states and the like.
func namesAttributes(g *ast.GenDecl) bool {
	return g.Tok == token.CONST && slices.ContainsFunc(g.Specs, func(s ast.Spec) bool {
		v, ok := s.(*ast.ValueSpec)
		return ok && strings.HasSuffix(v.Names[0].Name, "Key")
	})
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
		fmt.Fprintf(b, "| `%s` | `%s` | %s |\n", key(v), name, meaning)
	}
}

// key returns x of attribute.Key("x").
func key(v *ast.ValueSpec) string {
	if len(v.Values) != 1 {
		return "?"
	}
	if call, ok := v.Values[0].(*ast.CallExpr); ok && len(call.Args) == 1 {
		if lit, ok := call.Args[0].(*ast.BasicLit); ok {
			if s, err := strconv.Unquote(lit.Value); err == nil {
				return s
			}
		}
	}
	return "?"
}

func oneLine(s string) string { return strings.Join(strings.Fields(s), " ") }
