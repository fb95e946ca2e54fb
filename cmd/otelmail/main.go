// Otelmail is the program beside the otelmail library.
//
//	otelmail demo        runs a small mail server on this machine, with telemetry
//	otelmail check       says which settings of the environment are wrong
//	otelmail dashboard   prints dashboards for Grafana
//	otelmail rules       prints alerting rules for Prometheus
//	otelmail top         shows on a terminal how a mail server does
//	otelmail where       says where a message is, asked of running servers
//	otelmail help        lists the commands
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

	"go.opentelemetry.io/otel"

	"github.com/rusmes/otelmail/cmd/otelmail/internal/check"
	"github.com/rusmes/otelmail/cmd/otelmail/internal/demo"
)

const usage = `otelmail: OpenTelemetry for mail servers

Usage:

	otelmail demo [flags]   run a small mail server on this machine, with telemetry
	otelmail check          say which settings of the environment are wrong
	otelmail dashboard [flags] [NAME]
	                        print dashboards for Grafana
	otelmail rules [flags]  print alerting rules for Prometheus
	otelmail top [flags]    show on a terminal how a mail server does
	otelmail where [flags] QUEUE-ID|MESSAGE-ID|ADDRESS
	                        say where a message is, asked of running servers
	otelmail help           show this text

"--help" behind demo, dashboard, rules, top or where lists the flags. "otelmail check" opens, writes
and sends nothing; its exit status is 1 if a setting is wrong.
`

// The exit statuses.
const (
	exitOK     = 0
	exitFailed = 1
	exitUsage  = 2
)

func main() {
	os.Exit(run(os.Args[1:], os.Stdout, os.Stderr))
}

func run(args []string, stdout, stderr io.Writer) int {
	if len(args) == 0 {
		fmt.Fprint(stderr, usage)
		return exitUsage
	}
	switch command := args[0]; command {
	case "demo":
		return runDemo(args[1:], stdout, stderr)
	case "check":
		return runCheck(args[1:], os.Environ(), stdout, stderr)
	case "dashboard":
		return runDashboard(args[1:], stdout, stderr)
	case "rules":
		return runRules(args[1:], stdout, stderr)
	case "top":
		return runTop(args[1:], stdout, stderr)
	case "where":
		return runWhere(args[1:], os.Stdin, stdout, stderr)
	case "help", "-h", "-help", "--help":
		fmt.Fprint(stdout, usage)
		return exitOK
	default:
		fmt.Fprintf(stderr, "otelmail: %q is not a command: want demo, check, dashboard, rules, top, where or help\n\n%s", command, usage)
		return exitUsage
	}
}

// runCheck prints what is wrong, a line each.
func runCheck(args, environ []string, stdout, stderr io.Writer) int {
	if len(args) > 0 {
		fmt.Fprintf(stderr, "otelmail check: %q is not allowed: want no arguments; what is judged is the environment\n", args[0])
		return exitUsage
	}
	// OpenTelemetry's SDK has its own words for some of it.
	otel.SetErrorHandler(otel.ErrorHandlerFunc(func(error) {}))
	found := check.Environment(context.Background(), environ)
	for _, line := range found.Wrong {
		fmt.Fprintln(stdout, line)
	}
	for _, name := range found.Unread {
		fmt.Fprintf(stdout, "note: %s is not read: no setting has this name, or another wins over it\n", name)
	}
	if len(found.Wrong) > 0 {
		return exitFailed
	}
	fmt.Fprintln(stdout, "No setting is wrong.")
	return exitOK
}

func runDemo(args []string, stdout, stderr io.Writer) int {
	config, err := demo.ParseFlags(args)
	if errors.Is(err, flag.ErrHelp) {
		demo.Usage(stdout)
		return exitOK
	}
	if err != nil {
		fmt.Fprintf(stderr, "otelmail demo: %v\n\"otelmail demo --help\" lists the flags.\n", err)
		return exitUsage
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	// The first signal begins the drain. From then on signals do again what
	// they do without us: the second one ends the program at once.
	context.AfterFunc(ctx, stop)
	if err := demo.Run(ctx, config, stdout); err != nil {
		fmt.Fprintf(stderr, "otelmail demo: %v\n", err)
		return exitFailed
	}
	return exitOK
}
