// Command build compiles the named peers of the integration tests ahead of time and prints
// where each one is kept. Without names it builds all of them.
//
//	go run ./internal/peer/build collector prometheus promtool
package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"

	"github.com/rusmes/otelmail/integration/internal/peer"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	names := os.Args[1:]
	if len(names) == 0 {
		names = peer.Names()
	}
	for _, name := range names {
		path, err := peer.Build(ctx, name)
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		fmt.Println(path)
	}
}
