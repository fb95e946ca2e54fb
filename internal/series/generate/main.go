// Generate writes names.go from the source of the root package.
package main

import (
	"io/fs"
	"log"
	"os"

	"github.com/rusmes/otelmail/internal/seriesname"
)

func main() {
	log.SetFlags(0)
	code, err := names(os.DirFS("../.."))
	if err != nil {
		log.Fatal(err)
	}
	if err := os.WriteFile("names.go", code, 0o644); err != nil { //nolint:gosec // source code
		log.Fatal(err)
	}
}

// names is the source of names.go, from that of the package which defines the series.
func names(root fs.FS) ([]byte, error) {
	return seriesname.Source(root, "The names, by the variables that define the series.", "const", "%q")
}
