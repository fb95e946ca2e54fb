package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"golang.org/x/mod/module"
	"golang.org/x/mod/sumdb/dirhash"
	"golang.org/x/mod/zip"
)

// prepare makes the tree the one to be tagged: the modules require each other at the
// version, and nothing is replaced. Each is packed below proxy, as a module proxy
// will serve it; the sums of the others come from there.
func prepare(tree, proxy string, modules []published, version string) error {
	sums := map[string][]string{} // lines of go.sum by module path
	for _, m := range modules {
		if err := requireVersion(filepath.Join(tree, m.dir), m, modules[0].path, version, sums); err != nil {
			return fmt.Errorf("prepare %s: %w", m.path, err)
		}
		lines, err := pack(tree, proxy, m, version)
		if err != nil {
			return fmt.Errorf("pack %s: %w", m.path, err)
		}
		sums[m.path] = lines
	}
	return nil
}

// requireVersion writes the module's go.mod and go.sum.
func requireVersion(dir string, m published, root, version string, sums map[string][]string) error {
	file := filepath.Join(dir, "go.mod")
	mod, err := readMod(file)
	if err != nil {
		return err
	}
	for _, r := range slices.Clone(mod.Replace) {
		if !isOurs(r.Old.Path, root) {
			return fmt.Errorf("go.mod replaces %s, which its users would not get", r.Old.Path)
		}
		if err := mod.DropReplace(r.Old.Path, r.Old.Version); err != nil {
			return err
		}
	}
	var added []string
	for _, r := range slices.Clone(mod.Require) {
		if !isOurs(r.Mod.Path, root) {
			continue
		}
		if !slices.Contains(m.requires, r.Mod.Path) {
			return fmt.Errorf("go.mod requires %s, which is not published", r.Mod.Path)
		}
		if err := mod.AddRequire(r.Mod.Path, version); err != nil {
			return err
		}
		added = append(added, sums[r.Mod.Path]...)
	}
	mod.Cleanup()
	text, err := mod.Format()
	if err != nil {
		return err
	}
	if err := os.WriteFile(file, text, 0o644); err != nil {
		return err
	}
	if len(added) == 0 {
		return nil
	}
	file = filepath.Join(dir, "go.sum")
	old, err := os.ReadFile(file)
	if err != nil && !os.IsNotExist(err) {
		return err
	}
	lines := append(strings.SplitAfter(string(old), "\n"), added...)
	slices.SortStableFunc(lines, func(a, b string) int { // by path, as the go command does
		pathA, _, _ := strings.Cut(a, " ")
		pathB, _, _ := strings.Cut(b, " ")
		return strings.Compare(pathA, pathB)
	})
	return os.WriteFile(file, []byte(strings.Join(lines, "")), 0o644)
}

// pack writes what a proxy serves of the module, and returns its lines of go.sum.
func pack(tree, proxy string, m published, version string) ([]string, error) {
	source := filepath.Join(tree, m.dir)
	escaped, err := module.EscapePath(m.path)
	if err != nil {
		return nil, err
	}
	dir := filepath.Join(proxy, filepath.FromSlash(escaped), "@v")
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, err
	}
	// A module without a licence of its own gets that of the repository, as the go
	// command has it. It must be in the tree only while the module is packed.
	licence := filepath.Join(source, "LICENSE")
	if _, err := os.Stat(licence); os.IsNotExist(err) {
		text, err := os.ReadFile(filepath.Join(tree, "LICENSE"))
		if err != nil {
			return nil, err
		}
		if err := os.WriteFile(licence, text, 0o644); err != nil {
			return nil, err
		}
		defer os.Remove(licence)
	}
	var packed bytes.Buffer
	if err := zip.CreateFromDir(&packed, module.Version{Path: m.path, Version: version}, source); err != nil {
		return nil, err
	}
	mod, err := os.ReadFile(filepath.Join(source, "go.mod"))
	if err != nil {
		return nil, err
	}
	info, err := json.Marshal(map[string]any{"Version": version, "Time": time.Now().UTC()})
	if err != nil {
		return nil, err
	}
	for name, content := range map[string][]byte{
		"list": []byte(version + "\n"), version + ".info": info, version + ".mod": mod, version + ".zip": packed.Bytes(),
	} {
		if err := os.WriteFile(filepath.Join(dir, name), content, 0o644); err != nil {
			return nil, err
		}
	}
	sum, err := dirhash.HashZip(filepath.Join(dir, version+".zip"), dirhash.Hash1)
	if err != nil {
		return nil, err
	}
	modSum, err := dirhash.Hash1([]string{"go.mod"}, func(string) (io.ReadCloser, error) {
		return io.NopCloser(bytes.NewReader(mod)), nil
	})
	if err != nil {
		return nil, err
	}
	return []string{
		fmt.Sprintf("%s %s %s\n", m.path, version, sum),
		fmt.Sprintf("%s %s/go.mod %s\n", m.path, version, modSum),
	}, nil
}
