// Command generate writes the generated pages of docs/. Run it by `go generate`
// in the module's root.
package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/rusmes/otelmail/internal/reference"
)

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "generate:", err)
		os.Exit(1)
	}
}

func run() error {
	return errors.Join(
		write("docs/series.md", reference.Series),
		write("docs/settings.md", reference.Settings),
		write("docs/fault.md", reference.Fault),
		write("docs/events.md", reference.Events),
		write("docs/attributes.md", func(w io.Writer) error {
			return reference.Attributes(w, os.DirFS("mailconv"))
		}),
	)
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
