package exported_test

import (
	"go/ast"
	"go/doc"
	"go/parser"
	"go/token"
	"io/fs"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// TestEveryPackageHasAnExample: whoever opens the page of a published package sees it in use.
func TestEveryPackageHasAnExample(t *testing.T) {
	found := 0
	err := filepath.WalkDir(root, func(dir string, entry fs.DirEntry, err error) error {
		if err != nil || !entry.IsDir() {
			return err
		}
		name := entry.Name()
		if strings.HasPrefix(name, ".") && dir != root ||
			slices.Contains([]string{"bench", "bin", "examples", "integration", "internal", "node_modules", "testdata", "tools"}, name) {
			return fs.SkipDir
		}
		p := documented(t, dir)
		if p == nil || p.Name == "main" {
			return nil
		}
		found++
		if len(examples(p)) == 0 {
			t.Errorf("%s has no example", dir)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if found < 12 {
		t.Errorf("%d packages were found", found)
	}
}

// TestTypesMetFirstHaveExamples: of the root those are the fields of Telemetry, what its
// functions return, and the handles that the methods of the fields return. Options, which are
// interfaces, are no types that one meets.
func TestTypesMetFirstHaveExamples(t *testing.T) {
	p := documented(t, root)
	var met []string
	types := map[string]*doc.Type{}
	for _, one := range p.Types {
		types[one.Name] = one
	}
	for _, field := range specOf(types["Telemetry"]).(*ast.StructType).Fields.List {
		met = append(met, local(field.Type)...)
	}
	for _, field := range slices.Clone(met) {
		for _, method := range types[field].Methods {
			met = append(met, results(method)...)
		}
	}
	functions := slices.Clone(p.Funcs)
	for _, one := range p.Types {
		functions = append(functions, one.Funcs...)
	}
	for _, f := range functions {
		met = append(met, results(f)...)
	}
	slices.Sort(met)
	met = slices.Compact(met)
	if len(met) < 25 {
		t.Errorf("only %d types are met: %v", len(met), met)
	}
	shown := examples(p)
	for _, name := range met {
		if _, option := specOf(types[name]).(*ast.InterfaceType); option {
			continue
		}
		if !slices.ContainsFunc(shown, func(e string) bool { return e == name || strings.HasPrefix(e, name+"_") }) {
			t.Errorf("there is no Example%s", name)
		}
	}
}

// documented is the documentation of the package in dir, nil where there is none.
func documented(t *testing.T, dir string) *doc.Package {
	t.Helper()
	names, err := filepath.Glob(filepath.Join(dir, "*.go"))
	if err != nil {
		t.Fatal(err)
	}
	set := token.NewFileSet()
	var files []*ast.File
	for _, name := range names {
		file, err := parser.ParseFile(set, name, nil, parser.ParseComments)
		if err != nil {
			t.Fatal(err)
		}
		files = append(files, file)
	}
	if len(files) == 0 {
		return nil
	}
	p, err := doc.NewFromFiles(set, files, "example.org/"+filepath.Base(dir))
	if err != nil {
		t.Fatalf("%s: %v", dir, err)
	}
	return p
}

// examples are the names of a package's examples, without "Example": "SMTP", "SMTP_Refuse".
func examples(p *doc.Package) (names []string) {
	add := func(some []*doc.Example, of string) {
		for range some {
			names = append(names, of)
		}
	}
	add(p.Examples, "")
	for _, f := range p.Funcs {
		add(f.Examples, f.Name)
	}
	for _, one := range p.Types {
		add(one.Examples, one.Name)
		for _, f := range one.Funcs {
			add(f.Examples, f.Name)
		}
		for _, m := range one.Methods {
			add(m.Examples, one.Name+"_"+m.Name)
		}
	}
	return names
}

func specOf(one *doc.Type) ast.Expr { return one.Decl.Specs[0].(*ast.TypeSpec).Type }

// results are the types of the package that a function returns.
func results(f *doc.Func) (names []string) {
	if f.Decl.Type.Results == nil {
		return nil
	}
	for _, r := range f.Decl.Type.Results.List {
		names = append(names, local(r.Type)...)
	}
	return names
}

// local is the exported type of this package that an expression names, if it does.
func local(e ast.Expr) []string {
	if star, ok := e.(*ast.StarExpr); ok {
		e = star.X
	}
	if id, ok := e.(*ast.Ident); ok && id.IsExported() {
		return []string{id.Name}
	}
	return nil
}
