package otelmail_test

import (
	"context"
	"log"
	"time"

	"go.opentelemetry.io/otel"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"

	"github.com/rusmes/otelmail"
	"github.com/rusmes/otelmail/exporters/otlp"
)

// Every failure, and one in a hundred of the rest.
func ExampleWithKeep() {
	ctx := context.Background()

	tel, err := otelmail.Start(ctx,
		otelmail.WithKeep(otelmail.Keep{Rest: 0.01, Slow: 5 * time.Second}),
		otlp.Push(),
	)

	if err != nil {
		log.Print(err)
	}
	defer tel.Shutdown(ctx)
}

// The same before a processor of the application's own.
func ExampleNewKeeper() {
	var exporter sdktrace.SpanExporter // the application's

	keeper, err := otelmail.NewKeeper(otelmail.Keep{Rest: 0.01}, sdktrace.NewBatchSpanProcessor(exporter))
	if err != nil {
		log.Print(err) // names the field, its value and what is allowed
		return
	}
	provider := sdktrace.NewTracerProvider(sdktrace.WithSpanProcessor(keeper)) // samples all
	otel.SetTracerProvider(provider)
	tel, err := otelmail.New(otelmail.WithKeeper(keeper))

	if err != nil {
		log.Print(err)
	}
	defer tel.Shutdown(context.Background())
}
