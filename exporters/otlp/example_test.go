package otlp_test

import (
	"context"
	"fmt"
	"time"

	"github.com/rusmes/otelmail"
	"github.com/rusmes/otelmail/exporters/otlp"
)

// The operator decides: nothing is pushed until an endpoint is named.
func ExamplePush() {
	ctx := context.Background()
	tel, err := otelmail.Start(ctx, otlp.Push())
	if err != nil {
		fmt.Println(err)
		return
	}
	defer func() { _ = tel.Shutdown(ctx) }()
	fmt.Println("started")
	// Output: started
}

// Everything goes to one Collector over gRPC, but traces elsewhere and logs
// nowhere.
func ExampleTraces() {
	ctx := context.Background()
	tel, err := otelmail.Start(ctx, otelmail.WithoutGlobals(), otlp.Push(
		otlp.Endpoint("http://localhost:4317"),
		otlp.Protocol(otlp.GRPC),
		otlp.Interval(15*time.Second),
		otlp.Traces(otlp.Endpoint("https://traces.example.org/v1/traces"), otlp.Protocol(otlp.HTTP), otlp.Compression(otlp.Gzip)),
		otlp.Metrics(otlp.Off()),
		otlp.Logs(otlp.Off()),
	))
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(tel.Shutdown(ctx))
	// Output: <nil>
}
