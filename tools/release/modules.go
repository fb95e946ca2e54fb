package main

import (
	"cmp"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"golang.org/x/mod/modfile"
)

// unpublished are the directories whose modules nobody else imports.
var unpublished = []string{"bench", "examples", "integration", "internal", "testdata", "tools"}

// published is a module that gets a tag.
type published struct {
	dir  string // in the repository, with slashes; "." for the root
	path string
	// requires are the other published modules that it requires.
	requires []string
}

// tag is the name that the go command looks for.
func (m published) tag(version string) string {
	return path.Join(m.dir, version)
}

// findModules finds the published modules in the tree. Each comes after those
// that it requires.
func findModules(tree string) ([]published, error) {
	var found []published
	err := filepath.WalkDir(tree, func(file string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if entry.IsDir() && slices.Contains(unpublished, entry.Name()) {
			return fs.SkipDir
		}
		if entry.Name() != "go.mod" {
			return nil
		}
		mod, err := readMod(file)
		if err != nil {
			return err
		}
		dir, err := filepath.Rel(tree, filepath.Dir(file))
		if err != nil {
			return err
		}
		m := published{dir: filepath.ToSlash(dir), path: mod.Module.Mod.Path}
		for _, r := range mod.Require {
			m.requires = append(m.requires, r.Mod.Path)
		}
		found = append(found, m)
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("find modules: %w", err)
	}
	slices.SortFunc(found, func(a, b published) int { return cmp.Compare(a.path, b.path) })
	if len(found) == 0 || found[0].dir != "." {
		return nil, fmt.Errorf("find modules: no go.mod at the top of %s", tree)
	}
	for i, m := range found {
		if want := path.Join(found[0].path, m.dir); m.path != want {
			return nil, fmt.Errorf("%s/go.mod: the module is called %s, want %s", m.dir, m.path, want)
		}
		found[i].requires = slices.DeleteFunc(m.requires, func(p string) bool {
			return !slices.ContainsFunc(found, func(other published) bool { return other.path == p })
		})
	}
	return inOrder(found)
}

// inOrder puts what is required before what requires it.
func inOrder(modules []published) ([]published, error) {
	var ordered []published
	done := map[string]bool{}
	for len(ordered) < len(modules) {
		before := len(ordered)
		for _, m := range modules {
			ready := !slices.ContainsFunc(m.requires, func(p string) bool { return !done[p] })
			if ready && !done[m.path] {
				done[m.path] = true
				ordered = append(ordered, m)
			}
		}
		if len(ordered) == before {
			return nil, fmt.Errorf("modules require each other in a circle")
		}
	}
	return ordered, nil
}

func readMod(file string) (*modfile.File, error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	return modfile.Parse(file, text, nil)
}

// isOurs reports whether the module path is of this repository, whose root
// module is given.
func isOurs(modulePath, root string) bool {
	return modulePath == root || strings.HasPrefix(modulePath, root+"/")
}
