// Command inbucket is inbucket 3.2.0 without its web pages, as its own main starts it.
package main

import (
	"context"
	"log"
	"os"

	_ "github.com/rusmes/otelmail/integration/peers/servers/observed" // prints where the counts are

	"github.com/inbucket/inbucket/v3/pkg/config"
	"github.com/inbucket/inbucket/v3/pkg/server"
	"github.com/inbucket/inbucket/v3/pkg/storage"
	"github.com/inbucket/inbucket/v3/pkg/storage/mem"
	"github.com/rs/zerolog"
)

func main() {
	zerolog.SetGlobalLevel(zerolog.Disabled)
	storage.Constructors["memory"] = mem.New
	conf, err := config.Process()
	if err != nil {
		log.Fatal(err)
	}
	services, err := server.FullAssembly(conf)
	if err != nil {
		log.Fatal(err)
	}
	services.Start(context.Background(), func() {})
	_, _ = os.Stdin.Read(make([]byte, 1)) // until the test ends
}
