package check_test

import (
	"context"
	"fmt"
	"log"
	"os"

	"github.com/rusmes/otelmail"
	"github.com/rusmes/otelmail/check"
	"github.com/rusmes/otelmail/exporters/otlp"
	"github.com/rusmes/otelmail/exporters/prometheus"
)

// A mail server has one function for its options, which it starts with and checks.
func Example() {
	ctx := context.Background()
	options := []otelmail.StartOption{
		otelmail.WithService("mymail", "1.2.3"),
		prometheus.Serve(prometheus.WithAddress("127.0.0.1:0")),
		otlp.Push(),
	}
	if len(os.Args) > 1 && os.Args[1] == "check-telemetry" {
		report := check.Run(ctx, options...)
		_, _ = report.WriteTo(os.Stdout)
		if !report.OK() {
			os.Exit(1)
		}
		os.Exit(0)
	}
	tel, err := otelmail.Start(ctx, options...)
	if err != nil {
		log.Print(err)
	}
	defer tel.Shutdown(ctx)
}

// A program may look for single settings, or words of its own.
func ExampleRun() {
	report := check.Run(context.Background(),
		otelmail.WithLookupEnv(func(name string) (string, bool) { return "0.1", name == "RUSMES_TRACING_SAMPLE_RATIO" }),
		otelmail.WithNamespace("mx"))
	for _, s := range report.Settings {
		if s.Source != "default" {
			fmt.Println(s.Name, "is", s.Value, "by", s.Source)
		}
	}
	for _, f := range report.Findings {
		fmt.Println(f.Level, f.Text)
	}
	// Output:
	// OTEL_TRACES_SAMPLER_ARG is 0.1 by variable RUSMES_TRACING_SAMPLE_RATIO
	// otelmail.WithNamespace is mx by option
}
