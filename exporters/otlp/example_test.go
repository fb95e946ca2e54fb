package otlp_test

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"os"
	"time"

	"github.com/rusmes/otelmail"
	"github.com/rusmes/otelmail/exporters/otlp"
	"github.com/rusmes/otelmail/exporters/otlp/otlpgrpc"
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

// Everything goes to one Collector over gRPC, except traces, which go elsewhere, and logs,
// which are not pushed.
func ExampleTraces() {
	ctx := context.Background()
	tel, err := otelmail.Start(ctx, otelmail.WithoutGlobals(), otlp.Push(
		otlp.Endpoint("http://localhost:4317"),
		otlp.Enable(otlpgrpc.Transport()),
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

// /health, and neither /ready nor /live, says when nothing has arrived for five minutes.
func ExampleHealthCheck() {
	ctx := context.Background()
	tel, err := otelmail.Start(ctx, otlp.Push(otlp.HealthCheck(5*time.Minute)))
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(tel.Shutdown(ctx))
	// Output: <nil>
}

// A receiver that wants a key, trusts one authority, and takes differences.
func ExampleHeaders() {
	roots := x509.NewCertPool()
	otlp.Push(
		otlp.Endpoint("https://otlp.example.org"),
		otlp.Headers(map[string]string{"api-key": os.Getenv("MYMAIL_KEY")}),
		otlp.TLS(&tls.Config{RootCAs: roots}),
		otlp.Timeout(5*time.Second),
		otlp.Temporality(otlp.Delta),
	)
}

// Outages of the Collector and restarts of the program lose nothing.
func ExampleBuffer() {
	dir, err := os.MkdirTemp("", "spool")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer os.RemoveAll(dir)
	ctx := context.Background()
	push := otlp.NewPusher(
		otlp.Endpoint("http://127.0.0.1:1"), // nobody listens here
		otlp.Metrics(otlp.Off()),
		otlp.Logs(otlp.Off()),
		otlp.Buffer(dir, otlp.MaxBytes(64<<20), otlp.MaxAge(6*time.Hour)),
	)
	tel, err := otelmail.Start(ctx, otelmail.WithoutGlobals(), otelmail.WithErrorHandler(func(error) {}), otelmail.WithExporter(push))
	if err != nil {
		fmt.Println(err)
		return
	}
	_, span := tel.TracerProvider().Tracer("example").Start(ctx, "SMTP DATA")
	span.End()
	fmt.Println("stopped:", tel.Shutdown(ctx))
	for _, s := range push.Stats() {
		fmt.Printf("%s: %d produced, %d sent, %d dropped, %d on disk\n", s.Signal, s.Produced, s.Sent, s.Failed, s.OnDisk)
	}
	// Output:
	// stopped: <nil>
	// traces: 1 produced, 0 sent, 0 dropped, 1 on disk
}

// A program that wants the counts itself; they are series too, telemetry_sent_total and
// its like.
func ExamplePusher() {
	ctx := context.Background()
	push := otlp.NewPusher(otlp.Buffer("/var/spool/otelmail"))
	tel, err := otelmail.Start(ctx, otelmail.WithExporter(push)) // push.Stats() has the counts
	if err != nil {
		fmt.Println(err)
		return
	}
	defer func() { _ = tel.Shutdown(ctx) }()
}
