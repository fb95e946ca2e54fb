// Command mailpit is mailpit 1.33.1.
package main

import (
	"os"

	_ "github.com/rusmes/otelmail/integration/peers/servers/observed" // prints where the counts are

	"github.com/axllent/mailpit/cmd"
)

func main() {
	go func() {
		_, _ = os.Stdin.Read(make([]byte, 1)) // until the test ends
		os.Exit(0)
	}()
	cmd.Execute()
}
