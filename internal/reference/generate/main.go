// Command generate writes the generated pages of docs/, and registry/. Run it by `go generate`
// in the module's root.
package main

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"

	"github.com/rusmes/otelmail/internal/reference"
	"github.com/rusmes/otelmail/internal/registry"
	"github.com/rusmes/otelmail/internal/schema"
)

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "generate:", err)
		os.Exit(1)
	}
}

func run() error {
	root := os.DirFS(".")
	var errs []error
	for file, page := range reference.Pages() {
		errs = append(errs, write(file, root, page))
	}
	return errors.Join(append(errs, writeRegistry(root))...)
}

// writeRegistry writes registry/ and the schema file of its version.
func writeRegistry(root fs.FS) error {
	r, err := registry.Build(root)
	if err != nil {
		return fmt.Errorf("make the registry: %w", err)
	}
	file := "schemas/" + schema.Version
	if err := os.WriteFile(file, registry.Schema(), 0o644); err != nil { //nolint:gosec // it is published
		return fmt.Errorf("write %s: %w", file, err)
	}
	return r.Write("registry")
}

func write(file string, root fs.FS, page reference.Page) error {
	var b bytes.Buffer
	if err := page(&b, root); err != nil {
		return fmt.Errorf("make %s: %w", file, err)
	}
	if err := os.WriteFile(file, b.Bytes(), 0o644); err != nil { //nolint:gosec // a page for everyone
		return fmt.Errorf("write %s: %w", file, err)
	}
	return nil
}
