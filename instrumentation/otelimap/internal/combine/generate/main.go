// Command generate writes combinations.go. Run it by `go generate` in the
// module's root.
package main

import (
	"fmt"
	"os"

	"github.com/rusmes/otelmail/instrumentation/otelimap/internal/combine"
)

func main() {
	src, err := combine.Source()
	if err == nil {
		err = os.WriteFile("combinations.go", src, 0o644) //nolint:gosec // source is for everyone
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "generate:", err)
		os.Exit(1)
	}
}
