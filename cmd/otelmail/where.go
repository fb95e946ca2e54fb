package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"

	"github.com/rusmes/otelmail/cmd/otelmail/internal/where"
)

// The exit statuses of where, beside exitOK.
const (
	exitNotFound = 1
	exitNotAsked = 2
)

// runWhere prints where a message is.
func runWhere(args []string, stdin io.Reader, stdout, stderr io.Writer) int {
	config, err := where.ParseFlags(args, stdin, os.Getenv)
	if errors.Is(err, flag.ErrHelp) {
		where.Usage(stdout)
		return exitOK
	}
	if err != nil {
		fmt.Fprintf(stderr, "otelmail where: %v\n\"otelmail where --help\" lists the flags.\n", err)
		return exitUsage
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	found := where.Ask(ctx, config)
	if err := found.Print(stdout, config.JSON); err != nil {
		fmt.Fprintf(stderr, "otelmail where: print what was found: %v\n", err)
		return exitNotAsked
	}
	for _, f := range found.Errors {
		fmt.Fprintf(stderr, "otelmail where: ask %s: %s\n", f.Server, f.Error)
	}
	switch {
	case found.Any():
		return exitOK
	case len(found.Errors) > 0:
		return exitNotAsked
	}
	return exitNotFound
}
