// Package exported lists what the packages of the repository export, and who uses it.
package exported

import (
	"errors"
	"fmt"
	"go/ast"
	"go/token"
	"go/types"
	"path/filepath"
	"slices"
	"strings"

	"golang.org/x/tools/go/packages"
)

const module = "github.com/rusmes/otelmail"

// Package is a package that others may import.
type Package struct {
	Path  string // within the repository; "." for the root
	Names []Name // sorted
}

// Name is an exported constant, variable, function, type or method.
type Name struct {
	Name string // "Start", "SMTP.Session"
	Doc  string // of it, or of its group
	// Used says that another package, or an example, names it; a type also where a function
	// or a field that is exported has it, and a constant where it is one of a closed set. A
	// method is used that an interface of another package asks for.
	Used bool
}

// Load reads all packages of the modules in the given directories below root.
func Load(root string, modules ...string) ([]Package, error) {
	var patterns []string
	for _, m := range modules {
		patterns = append(patterns, "./"+filepath.ToSlash(filepath.Join(m, "...")))
	}
	loaded, err := packages.Load(&packages.Config{
		Mode: packages.NeedName | packages.NeedFiles | packages.NeedSyntax | packages.NeedTypes | packages.NeedTypesInfo | packages.NeedImports | packages.NeedExportFile,
		Dir:  root, Tests: true,
	}, patterns...)
	if err != nil {
		return nil, fmt.Errorf("load the packages below %s: %w", root, err)
	}
	used := map[string]bool{}
	var errs []error
	for _, p := range loaded {
		for _, e := range p.Errors {
			errs = append(errs, e)
		}
		uses(p, used)
	}
	if len(errs) > 0 {
		return nil, fmt.Errorf("load the packages below %s: %w", root, errors.Join(errs...))
	}
	var all []Package
	for _, p := range loaded {
		path, ours := strings.CutPrefix(p.PkgPath, module)
		if !ours || p.ID != p.PkgPath || p.Name == "main" || strings.Contains(path, "/internal") || strings.HasPrefix(path, "/tools") ||
			strings.HasPrefix(path, "/integration") || strings.HasPrefix(path, "/bench") {
			continue
		}
		names := namesOf(p)
		shown := typesShown(p.Types)
		for i, n := range names {
			_, method, isMethod := strings.Cut(n.Name, ".")
			_, isConst := p.Types.Scope().Lookup(n.Name).(*types.Const)
			set := isConst && namedOf(p.Types.Scope().Lookup(n.Name).Type()) != nil
			names[i].Used = used[p.PkgPath+"."+n.Name] || shown[n.Name] || set || isMethod && ofInterfaces[method]
		}
		all = append(all, Package{"." + path, names})
	}
	slices.SortFunc(all, func(a, b Package) int { return strings.Compare(a.Path, b.Path) })
	return all, nil
}

// ofInterfaces are the methods by which values of ours are Stringers, Readers, Handlers,
// Exporters, Checkers and sources of metrics.
var ofInterfaces = map[string]bool{"Check": true, "String": true, "Read": true, "ServeHTTP": true, "Open": true, "Produce": true, "Collect": true}

// typesShown are the types of a package that its exported functions, methods and fields
// have.
func typesShown(p *types.Package) map[string]bool {
	shown := map[string]bool{}
	var show func(t types.Type)
	show = func(t types.Type) {
		switch t := t.(type) {
		case *types.Pointer:
			show(t.Elem())
		case *types.Slice:
			show(t.Elem())
		case *types.Named:
			if t.Obj().Pkg() == p {
				shown[t.Obj().Name()] = true
			}
		case *types.Signature:
			for v := range t.Params().Variables() {
				show(v.Type())
			}
			for v := range t.Results().Variables() {
				show(v.Type())
			}
		case *types.Struct:
			for f := range t.Fields() {
				if f.Exported() {
					show(f.Type())
				}
			}
		}
	}
	for _, name := range p.Scope().Names() {
		obj := p.Scope().Lookup(name)
		if !obj.Exported() {
			continue
		}
		if f, ok := obj.(*types.Func); ok {
			show(f.Type())
		}
		if named, ok := obj.Type().(*types.Named); ok {
			show(named.Underlying())
			for m := range named.Methods() {
				if m.Exported() {
					show(m.Type())
				}
			}
		}
	}
	return shown
}

// namesOf lists the exported names of a package.
func namesOf(p *packages.Package) []Name {
	docs := Docs(p.Syntax)
	var names []Name
	add := func(name string) { names = append(names, Name{Name: name, Doc: docs[name]}) }
	scope := p.Types.Scope()
	for _, name := range scope.Names() {
		obj := scope.Lookup(name)
		if !obj.Exported() {
			continue
		}
		add(name)
		t, ok := obj.(*types.TypeName)
		if !ok || t.IsAlias() {
			continue
		}
		named := t.Type().(*types.Named)
		for m := range named.Methods() {
			if m.Exported() {
				add(name + "." + m.Name())
			}
		}
	}
	slices.SortFunc(names, func(a, b Name) int { return strings.Compare(a.Name, b.Name) })
	return names
}

// Docs are the comments of a package's names: "Start", "SMTP.Session".
func Docs(files []*ast.File) map[string]string {
	docs := map[string]string{}
	for _, file := range files {
		for _, decl := range file.Decls {
			switch d := decl.(type) {
			case *ast.FuncDecl:
				docs[funcName(d)] = d.Doc.Text()
			case *ast.GenDecl:
				for _, spec := range d.Specs {
					switch s := spec.(type) {
					case *ast.TypeSpec:
						docs[s.Name.Name] = d.Doc.Text() + s.Doc.Text()
					case *ast.ValueSpec:
						for _, name := range s.Names {
							docs[name.Name] = d.Doc.Text() + s.Doc.Text() + s.Comment.Text()
						}
					}
				}
			}
		}
	}
	return docs
}

func funcName(d *ast.FuncDecl) string {
	if d.Recv == nil {
		return d.Name.Name
	}
	t := d.Recv.List[0].Type
	if star, ok := t.(*ast.StarExpr); ok {
		t = star.X
	}
	if id, ok := t.(*ast.Ident); ok {
		return id.Name + "." + d.Name.Name
	}
	return d.Name.Name
}

// uses notes what a package uses of others. Of its tests only the examples count: what a
// test alone calls, nobody needs.
func uses(p *packages.Package, used map[string]bool) {
	for _, file := range p.Syntax {
		name := filepath.Base(p.Fset.Position(file.Pos()).Filename)
		if strings.HasSuffix(name, "_test.go") && !strings.HasPrefix(name, "example") {
			continue
		}
		ast.Inspect(file, func(n ast.Node) bool {
			id, ok := n.(*ast.Ident)
			if !ok {
				return true
			}
			obj := p.TypesInfo.Uses[id]
			if obj == nil || obj.Pkg() == nil || obj.Pkg().Path() == p.PkgPath || !token.IsExported(obj.Name()) {
				return true
			}
			used[obj.Pkg().Path()+"."+nameOf(obj)] = true
			if t := typeOf(obj); t != "" { // a value of a type is a use of the type
				used[t] = true
			}
			return true
		})
	}
}

// nameOf is a method's name with its type.
func nameOf(obj types.Object) string {
	if f, ok := obj.(*types.Func); ok {
		if recv := f.Signature().Recv(); recv != nil {
			if named := namedOf(recv.Type()); named != nil {
				return named.Obj().Name() + "." + f.Name()
			}
		}
	}
	return obj.Name()
}

// typeOf is the full name of the type of a constant, a field or what a function returns.
func typeOf(obj types.Object) string {
	t := obj.Type()
	if f, ok := t.(*types.Signature); ok {
		if f.Results().Len() == 0 {
			return ""
		}
		t = f.Results().At(0).Type()
	}
	if named := namedOf(t); named != nil && named.Obj().Pkg() != nil {
		return named.Obj().Pkg().Path() + "." + named.Obj().Name()
	}
	return ""
}

func namedOf(t types.Type) *types.Named {
	if p, ok := t.(*types.Pointer); ok {
		t = p.Elem()
	}
	named, _ := t.(*types.Named)
	return named
}
