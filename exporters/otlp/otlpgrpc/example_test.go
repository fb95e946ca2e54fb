package otlpgrpc_test

import (
	"context"
	"fmt"

	"github.com/rusmes/otelmail"
	"github.com/rusmes/otelmail/exporters/otlp"
	"github.com/rusmes/otelmail/exporters/otlp/otlpgrpc"
)

// With it OTEL_EXPORTER_OTLP_PROTOCOL=grpc is allowed.
func ExampleTransport() {
	ctx := context.Background()
	push := otlp.Push(otlp.Enable(otlpgrpc.Transport()))
	tel, err := otelmail.Start(ctx, otelmail.WithoutGlobals(), push)
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(tel.Shutdown(ctx))
	// Output: <nil>
}
