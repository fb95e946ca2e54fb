// Otelmail is the program beside the otelmail library.
//
//	otelmail demo        runs a small mail server on this machine, with telemetry
//	otelmail check       prints the settings in effect, tries them, and says what is wrong
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

	"github.com/rusmes/otelmail/cmd/otelmail/internal/demo"
)

const usage = `otelmail: OpenTelemetry for mail servers

Usage:

	otelmail demo [flags]   run a small mail server on this machine, with telemetry
	otelmail check [flags]  print the settings in effect, try them, and say what is wrong
	otelmail dashboard [flags] [NAME]
	                        print dashboards for Grafana
	otelmail rules [flags]  print alerting rules for Prometheus
	otelmail top [flags]    show on a terminal how a mail server does
	otelmail where [flags] QUEUE-ID|MESSAGE-ID|ADDRESS
	                        say where a message is, asked of running servers
	otelmail help           show this text

"--help" behind a command lists its flags.
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
		return runCheck(args[1:], stdout, stderr)
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
	signals, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	// The first signal begins the drain. Before that, signals do again what they do
	// without us: the second one ends the program at once.
	ctx, drain := context.WithCancel(context.Background())
	defer drain()
	context.AfterFunc(signals, func() {
		stop()
		drain()
	})
	if err := demo.Run(ctx, config, stdout); err != nil {
		fmt.Fprintf(stderr, "otelmail demo: %v\n", err)
		return exitFailed
	}
	return exitOK
}
