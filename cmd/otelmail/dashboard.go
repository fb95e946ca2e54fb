package main

import (
	"errors"
	"flag"
	"fmt"
	"io"

	"github.com/rusmes/otelmail/cmd/otelmail/internal/dashboards"
)

// runDashboard prints a dashboard, or writes one or all.
func runDashboard(args []string, stdout, stderr io.Writer) int {
	config, err := dashboards.ParseFlags(args)
	if errors.Is(err, flag.ErrHelp) {
		dashboards.Usage(stdout)
		return exitOK
	}
	if err != nil {
		fmt.Fprintf(stderr, "otelmail dashboard: %v\n\"otelmail dashboard --help\" lists the flags.\n", err)
		return exitUsage
	}
	if err := dashboards.Run(config, stdout); err != nil {
		fmt.Fprintf(stderr, "otelmail dashboard: %v\n", err)
		return exitFailed
	}
	return exitOK
}
