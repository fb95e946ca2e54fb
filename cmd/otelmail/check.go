package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"log"
	"os"
	"os/signal"
	"time"

	"go.opentelemetry.io/otel"

	"github.com/rusmes/otelmail/check"
	"github.com/rusmes/otelmail/cmd/otelmail/internal/flags"
	"github.com/rusmes/otelmail/exporters/otlp"
	"github.com/rusmes/otelmail/exporters/otlp/otlpgrpc"
	"github.com/rusmes/otelmail/exporters/prometheus"
	"github.com/rusmes/otelmail/exporters/prometheus/webconfig"
)

const checkUsage = `Usage: otelmail check [flags]

Prints the settings that are in effect in this environment, with where each comes from, tries the
receivers of OTLP, the addresses, files and directories that they name, and says what is wrong. The
exit status is 1 if something is.

Flags:
`

// runCheck prints what a server with these variables would do.
func runCheck(args []string, stdout, stderr io.Writer) int {
	set := flags.New("check")
	timeout := set.Duration("timeout", 5*time.Second, "how long to wait for receivers, at most; they are tried all at once")
	webConfig := set.String("web-config", "", "the web configuration file that the server gives to prometheus.WithWebConfigFile: `file`")
	err := flags.Parse(set, args)
	if errors.Is(err, flag.ErrHelp) {
		fmt.Fprint(stdout, checkUsage)
		flags.Print(stdout, set)
		return exitOK
	}
	if err == nil && *timeout <= 0 {
		err = fmt.Errorf("--timeout: %v is not allowed: want more than 0s", *timeout)
	}
	if err != nil {
		fmt.Fprintf(stderr, "otelmail check: %v\n\"otelmail check --help\" lists the flags.\n", err)
		return exitUsage
	}
	// OpenTelemetry's SDK has its own words for some of what is wrong, and net/http for a port
	// that says something unasked.
	otel.SetErrorHandler(otel.ErrorHandlerFunc(func(error) {}))
	defer log.SetOutput(log.Writer())
	log.SetOutput(io.Discard)
	interrupted, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	ctx, cancel := context.WithTimeout(interrupted, *timeout)
	defer cancel()
	var opts []prometheus.Option
	if *webConfig != "" {
		opts = append(opts, prometheus.WithWebConfigFile(*webConfig, webconfig.Read))
	}
	report := check.Run(ctx, prometheus.Serve(opts...), otlp.Push(otlp.Enable(otlpgrpc.Transport())))
	if _, err := report.WriteTo(stdout); err != nil {
		fmt.Fprintf(stderr, "otelmail check: %v\n", err)
		return exitFailed
	}
	if !report.OK() {
		return exitFailed
	}
	return exitOK
}
