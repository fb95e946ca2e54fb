// Generate writes names.go: a Go name for each series, which stays when the series is
// renamed.
package main

import (
	"fmt"
	"log"
	"os"
	"os/exec"
	"strings"

	"github.com/rusmes/otelmail/internal/seriesname"
)

func main() {
	log.SetFlags(0)
	code, err := names()
	if err != nil {
		log.Fatal(err)
	}
	if err := os.WriteFile("names.go", code, 0o644); err != nil { //nolint:gosec // source code
		log.Fatal(err)
	}
}

// names is the source of names.go, from that of the module that defines the series.
func names() ([]byte, error) {
	dir, err := exec.Command("go", "list", "-m", "-f", "{{.Dir}}", "github.com/rusmes/otelmail").Output()
	if err != nil {
		return nil, fmt.Errorf("find the module that defines the series: %w", err)
	}
	return seriesname.Source(os.DirFS(strings.TrimSpace(string(dir))),
		"The series, by the names that they have in the source.", "var", "of(%q)")
}
