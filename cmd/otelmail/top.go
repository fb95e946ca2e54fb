package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"

	"github.com/rusmes/otelmail/cmd/otelmail/internal/top"
)

// runTop shows how a server does until it is interrupted.
func runTop(args []string, stdout, stderr io.Writer) int {
	config, err := top.ParseFlags(args, os.Getenv)
	if errors.Is(err, flag.ErrHelp) {
		top.Usage(stdout)
		return exitOK
	}
	if err != nil {
		fmt.Fprintf(stderr, "otelmail top: %v\n\"otelmail top --help\" lists the flags.\n", err)
		return exitUsage
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	file, ok := stdout.(*os.File)
	terminal := false
	if ok {
		info, err := file.Stat()
		terminal = err == nil && info.Mode()&os.ModeCharDevice != 0
	}
	if err := top.Run(ctx, config, stdout, terminal); err != nil {
		fmt.Fprintf(stderr, "otelmail top: %v\n", err)
		return exitFailed
	}
	return exitOK
}
