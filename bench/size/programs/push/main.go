// Program push pushes over HTTP.
package main

import (
	"context"
	"log"

	"github.com/rusmes/otelmail"
	"github.com/rusmes/otelmail/exporters/otlp"
)

func main() {
	ctx := context.Background()
	tel, err := otelmail.Start(ctx, otlp.Push())
	log.Print(err)
	log.Print(tel.Shutdown(ctx))
}
