package main

import (
	"bytes"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"

	"github.com/rusmes/otelmail/cmd/otelmail/internal/rules"
)

// runRules prints the rules, or writes them into a file.
func runRules(args []string, stdout, stderr io.Writer) int {
	config, err := rules.ParseFlags(args)
	if errors.Is(err, flag.ErrHelp) {
		rules.Usage(stdout)
		return exitOK
	}
	if err != nil {
		fmt.Fprintf(stderr, "otelmail rules: %v\n\"otelmail rules --help\" lists the flags.\n", err)
		return exitUsage
	}
	var written bytes.Buffer
	err = rules.Write(&written, config)
	if err == nil && config.Out == "" {
		_, err = stdout.Write(written.Bytes())
	} else if err == nil {
		err = os.WriteFile(config.Out, written.Bytes(), 0o644) //nolint:gosec // Prometheus reads it
	}
	if err != nil {
		fmt.Fprintf(stderr, "otelmail rules: write the rules: %v\n", err)
		return exitFailed
	}
	return exitOK
}
