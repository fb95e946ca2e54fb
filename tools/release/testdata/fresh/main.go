// A program of somebody who uses otelmail: it serves /metrics, asks for it, and
// prints what it gets. The test that builds it adds every adapter.
package main

import (
	"context"
	"fmt"
	"io"
	"log"
	"net/http"
	"os"

	"github.com/rusmes/otelmail"
	"github.com/rusmes/otelmail/exporters/otlp"
	"github.com/rusmes/otelmail/exporters/prometheus"
)

func main() {
	if err := run(); err != nil {
		log.Fatal(err)
	}
}

func run() error {
	ctx := context.Background()
	server := prometheus.NewServer(prometheus.WithAddress("127.0.0.1:0"))
	tel, err := otelmail.Start(ctx, otelmail.WithExporter(server), otlp.Push())
	if err != nil {
		return err
	}
	defer tel.Shutdown(ctx)
	response, err := http.Get(fmt.Sprintf("http://%s/metrics", server.Addr()))
	if err != nil {
		return err
	}
	defer response.Body.Close()
	_, err = io.Copy(os.Stdout, response.Body)
	return err
}
