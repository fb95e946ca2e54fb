package registry

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"go.opentelemetry.io/otel/attribute"
)

// Meaning is an attribute, and what it is.
type Meaning struct {
	Key      attribute.Key
	Type     string
	Set      []string // of values; nil for an open one
	Says     string   // what it is, without a full stop at the end
	Examples []any
	Constant string // of package mailconv; "" for OpenTelemetry's
	Section  string // of mailconv
}

// Meanings are all attributes that are used: those of mailconv in the order of its source,
// then OpenTelemetry's. root is the repository: the comments of package mailconv are what
// godoc and the pages say alike.
func Meanings(root fs.FS) ([]Meaning, error) {
	files, err := fs.Glob(root, "mailconv/*.go")
	if err != nil {
		return nil, fmt.Errorf("list the files of package mailconv: %w", err)
	}
	slices.Sort(files)
	var all []Meaning
	for _, file := range files {
		text, err := fs.ReadFile(root, file)
		if err != nil {
			return nil, fmt.Errorf("read package mailconv: %w", err)
		}
		tree, err := parser.ParseFile(token.NewFileSet(), file, text, parser.ParseComments)
		if err != nil {
			return nil, fmt.Errorf("parse package mailconv: %w", err)
		}
		for _, d := range tree.Decls {
			block, ok := d.(*ast.GenDecl)
			if !ok || block.Tok != token.CONST {
				continue
			}
			for _, s := range block.Specs {
				spec, _ := s.(*ast.ValueSpec)
				if spec == nil || !strings.HasSuffix(spec.Names[0].Name, "Key") {
					continue
				}
				m, err := meaning(spec)
				if err != nil {
					return nil, err
				}
				m.Section = strings.TrimSuffix(oneLine(block.Doc.Text()), ".")
				all = append(all, m)
			}
		}
	}
	if len(all) != len(ours) {
		return nil, fmt.Errorf("package mailconv has %d attributes, package registry knows the types of %d", len(all), len(ours))
	}
	for _, s := range standard {
		all = append(all, Meaning{Key: s.Key, Type: typeOf(s.Value), Set: s.Set, Says: s.Meaning})
	}
	return all, nil
}

var example = regexp.MustCompile(` Example: (".*"|\d+)\.$`)

// meaning reads a constant and its comment.
func meaning(spec *ast.ValueSpec) (Meaning, error) {
	name := spec.Names[0].Name
	m := Meaning{Constant: name}
	call, _ := spec.Values[0].(*ast.CallExpr)
	if call == nil || len(call.Args) != 1 {
		return m, fmt.Errorf(`mailconv.%s: want attribute.Key("…")`, name)
	}
	literal, _ := call.Args[0].(*ast.BasicLit)
	if literal == nil {
		return m, fmt.Errorf(`mailconv.%s: want attribute.Key("…")`, name)
	}
	key, err := strconv.Unquote(literal.Value)
	if err != nil {
		return m, fmt.Errorf("mailconv.%s: %w", name, err)
	}
	m.Key = attribute.Key(key)
	v, ok := ours[m.Key]
	if !ok {
		return m, fmt.Errorf("mailconv.%s: package registry does not know the type of %s", name, key)
	}
	m.Type, m.Set = v.Type, v.Set
	m.Says = strings.TrimPrefix(strings.TrimPrefix(oneLine(spec.Doc.Text()), name+" "), "is ")
	if found := example.FindStringSubmatch(m.Says); found != nil {
		m.Says = strings.TrimSuffix(m.Says, found[0])
		if value, err := strconv.Unquote(found[1]); err == nil {
			m.Examples = []any{value}
		} else if n, err := strconv.Atoi(found[1]); err == nil {
			m.Examples = []any{n}
		}
	}
	m.Says = strings.TrimSuffix(m.Says, ".")
	return m, nil
}

func oneLine(s string) string { return strings.Join(strings.Fields(s), " ") }
