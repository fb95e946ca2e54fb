// Command generate writes the generated pages of docs/, and registry/. Run it by `go generate`
// in the module's root.
package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
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
	for file, page := range reference.Pages(root) {
		errs = append(errs, write(file, page))
	}
	return errors.Join(append(errs, writeRegistry(root))...)
}

// writeRegistry writes registry/ and the schema file of its version.
func writeRegistry(root fs.FS) error {
	mailconv, err := fs.Sub(root, "mailconv")
	if err != nil {
		return fmt.Errorf("find package mailconv: %w", err)
	}
	r, err := registry.Build(mailconv)
	if err != nil {
		return fmt.Errorf("make the registry: %w", err)
	}
	return errors.Join(r.Write("registry"), write("schemas/"+schema.Version, func(w io.Writer) error {
		_, err := w.Write(registry.Schema())
		return err
	}))
}

func write(file string, page func(io.Writer) error) error {
	var b bytes.Buffer
	if err := page(&b); err != nil {
		return fmt.Errorf("make %s: %w", file, err)
	}
	if err := os.WriteFile(file, b.Bytes(), 0o644); err != nil { //nolint:gosec // a page for everyone
		return fmt.Errorf("write %s: %w", file, err)
	}
	return nil
}
