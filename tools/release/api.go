package main

import (
	"context"
	"errors"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"go/types"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/rusmes/otelmail/tools/release/exported"
	"golang.org/x/exp/apidiff"
	"golang.org/x/mod/semver"
	"golang.org/x/tools/go/packages"
)

// checkAPI compares what each module exports with what it exported in the last
// release, and checks that the version says so. A pre-release promises nothing.
func (r repository) checkAPI(ctx context.Context, out io.Writer, modules []published, last, version, changes, work string) error {
	if last == "" {
		fmt.Fprintln(out, "API: no release is tagged yet, so there is nothing to compare with")
		return nil
	}
	before := filepath.Join(work, "before")
	if err := r.checkOut(ctx, last, before); err != nil {
		return fmt.Errorf("check %s out: %w", last, err)
	}
	var problems []error
	for _, m := range modules {
		if _, err := os.Stat(filepath.Join(before, m.dir, "go.mod")); err != nil {
			fmt.Fprintf(out, "API of %s: new since %s\n", m.path, last)
			continue
		}
		old, err := load(ctx, before, m)
		if err != nil {
			return fmt.Errorf("API of %s at %s: %w", m.path, last, err)
		}
		now, err := load(ctx, r.root, m)
		if err != nil {
			return fmt.Errorf("API of %s: %w", m.path, err)
		}
		report := apidiff.ModuleChanges(old, now)
		report.Changes = slices.DeleteFunc(report.Changes, func(c apidiff.Change) bool {
			return m.dir == "." && strings.HasPrefix(c.Message, "Version: value changed") // as it must
		})
		if len(report.Changes) == 0 {
			fmt.Fprintf(out, "API of %s: unchanged since %s\n", m.path, last)
			continue
		}
		fmt.Fprintf(out, "API of %s since %s:\n%s", m.path, last, report)
		problems = append(problems, checkStep(m.path, report, last, version), checkSaid(m.path, report, changes))
	}
	return errors.Join(problems...)
}

// checkStep checks that the version is as far from the last as the changes ask for.
// Before v1 a minor version may change anything.
func checkStep(module string, report apidiff.Report, last, version string) error {
	sameMinor := semver.MajorMinor(version) == semver.MajorMinor(last)
	stable := semver.Compare(last, "v1") >= 0
	for _, c := range report.Changes {
		switch {
		case !c.Compatible && stable:
			return fmt.Errorf("%s: %s does not allow an incompatible change: %s", module, version, c.Message)
		case sameMinor:
			return fmt.Errorf("%s: the API has changed since %s, want a new minor version: %s", module, last, c.Message)
		}
	}
	return nil
}

// checkSaid checks that the changelog names whatever a user has to change in his code.
func checkSaid(module string, report apidiff.Report, changes string) error {
	var problems []error
	for _, c := range report.Changes {
		if name := changedName(c.Message); !c.Compatible && !isNamed(changes, name) {
			problems = append(problems, fmt.Errorf("CHANGELOG.md: nothing of %s, whose users must change their code (%s: %s)", name, module, c.Message))
		}
	}
	return errors.Join(problems...)
}

// changedName is the name in a message of apidiff's: Start in "Start: removed", Session in
// "./x.(*SMTP).Session: changed from …", x in "package m/x: removed".
func changedName(message string) string {
	name, _, _ := strings.Cut(message, ":")
	return name[strings.LastIndexAny(name, "./ ")+1:]
}

// isNamed says whether a text has the name as a word.
func isNamed(text, name string) bool {
	return regexp.MustCompile(`\b` + regexp.QuoteMeta(name) + `\b`).MatchString(text)
}

// checkDeprecations checks that the changelog names what is marked as deprecated, under a title
// "Deprecated" of any version.
func checkDeprecations(tree string, modules []published) error {
	text, err := os.ReadFile(filepath.Join(tree, "CHANGELOG.md"))
	if err != nil {
		return err
	}
	var said strings.Builder
	for part := range strings.SplitSeq(string(text), "\n### ") {
		if strings.HasPrefix(part, "Deprecated\n") {
			said.WriteString(part)
		}
	}
	var problems []error
	for _, m := range modules {
		err := sources(filepath.Join(tree, m.dir), func(file *ast.File) {
			for name, doc := range exported.Docs([]*ast.File{file}) {
				last := name[strings.LastIndex(name, ".")+1:]
				if ast.IsExported(last) && strings.Contains("\n"+doc, "\nDeprecated: ") && !isNamed(said.String(), last) {
					problems = append(problems, fmt.Errorf("CHANGELOG.md: nothing of %s (%s) under \"### Deprecated\"", name, m.path))
				}
			}
		})
		if err != nil {
			return err
		}
	}
	return errors.Join(problems...)
}

// sources reads the Go files of a module that are not tests and not internal.
func sources(dir string, each func(*ast.File)) error {
	return filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case entry.IsDir():
			_, other := os.Stat(filepath.Join(path, "go.mod"))
			if name := entry.Name(); path != dir && other == nil || name == "internal" || name == "testdata" {
				return fs.SkipDir
			}
			return nil
		case !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go"):
			return nil
		}
		file, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.ParseComments)
		if err != nil {
			return err
		}
		each(file)
		return nil
	})
}

// load reads what others can import of the module.
func load(ctx context.Context, tree string, m published) (*apidiff.Module, error) {
	loaded, err := packages.Load(&packages.Config{
		Context: ctx,
		Dir:     filepath.Join(tree, m.dir),
		// The others as they are in the same tree.
		Env:  append(os.Environ(), "GOWORK="+filepath.Join(tree, "go.work")),
		Mode: packages.NeedName | packages.NeedTypes | packages.NeedImports | packages.NeedDeps | packages.NeedExportFile,
	}, "./...")
	if err != nil {
		return nil, err
	}
	var public []*types.Package
	var problems []error
	for _, p := range loaded {
		for _, e := range p.Errors {
			problems = append(problems, e)
		}
		if p.Name != "main" && !strings.Contains(p.PkgPath+"/", "/internal/") {
			public = append(public, p.Types)
		}
	}
	return &apidiff.Module{Path: m.path, Packages: public}, errors.Join(problems...)
}
