// Package seriesname finds out what the series are called from the source that defines them,
// for texts that speak of a series and are not compiled with it.
package seriesname

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"regexp"
	"strconv"
	"strings"
)

// Names are the names of the series, without a namespace, by the Go variables that define
// them.
type Names map[string]string

// Read reads the source of the root package. root is its directory.
func Read(root fs.FS) (Names, error) {
	files, err := fs.Glob(root, "*.go")
	if err != nil {
		return nil, fmt.Errorf("list the source files: %w", err)
	}
	names := Names{}
	for _, file := range files {
		if strings.HasSuffix(file, "_test.go") {
			continue
		}
		text, err := fs.ReadFile(root, file)
		if err != nil {
			return nil, fmt.Errorf("read the source: %w", err)
		}
		parsed, err := parser.ParseFile(token.NewFileSet(), file, text, parser.SkipObjectResolution)
		if err != nil {
			return nil, fmt.Errorf("parse the source: %w", err)
		}
		ast.Inspect(parsed, func(n ast.Node) bool {
			if spec, ok := n.(*ast.ValueSpec); ok && len(spec.Names) == 1 && len(spec.Values) == 1 {
				if name := definedName(spec.Values[0]); name != "" {
					names[spec.Names[0].Name] = name
				}
			}
			return true
		})
	}
	return names, nil
}

// definedName is the Name in define(catalog.Metric{Name: ...}), "" of anything else.
func definedName(value ast.Expr) string {
	call, ok := value.(*ast.CallExpr)
	if !ok || len(call.Args) != 1 {
		return ""
	}
	if f, ok := call.Fun.(*ast.Ident); !ok || f.Name != "define" {
		return ""
	}
	literal, ok := call.Args[0].(*ast.CompositeLit)
	if !ok {
		return ""
	}
	for _, element := range literal.Elts {
		pair, ok := element.(*ast.KeyValueExpr)
		if !ok {
			continue
		}
		key, isIdent := pair.Key.(*ast.Ident)
		text, isText := pair.Value.(*ast.BasicLit)
		if isIdent && isText && key.Name == "Name" {
			if name, err := strconv.Unquote(text.Value); err == nil {
				return name
			}
		}
	}
	return ""
}

var variable = regexp.MustCompile(`\{([a-z]\w*)\}`)

// Fill puts the names of series into a text that has their variables in braces.
func (n Names) Fill(text string) (string, error) {
	var unknown error
	filled := variable.ReplaceAllStringFunc(text, func(braced string) string {
		name, ok := n[strings.Trim(braced, "{}")]
		if !ok {
			unknown = fmt.Errorf("no series is defined as %s: %s", braced, text)
		}
		return name
	})
	return filled, unknown
}

var initials = []string{"smtp", "imap", "jmap", "pop3", "dns", "dnsbl", "acme", "tls"}

// Exported is the variable of a series as it is written for other packages.
func Exported(name string) string {
	for _, initial := range initials {
		if rest, ok := strings.CutPrefix(name, initial); ok && (rest == "" || rest[0] < 'a') {
			return strings.ToUpper(initial) + rest
		}
	}
	return strings.ToUpper(name[:1]) + name[1:]
}
