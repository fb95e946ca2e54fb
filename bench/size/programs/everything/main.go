// Program everything is a server of go-smtp with all there is, the check of settings too.
package main

import (
	"context"
	"log"
	"net"

	"github.com/emersion/go-smtp"

	"github.com/rusmes/otelmail"
	"github.com/rusmes/otelmail/check"
	"github.com/rusmes/otelmail/exporters/live"
	"github.com/rusmes/otelmail/exporters/otlp"
	"github.com/rusmes/otelmail/exporters/otlp/otlpgrpc"
	"github.com/rusmes/otelmail/exporters/prometheus"
	"github.com/rusmes/otelmail/exporters/prometheus/webconfig"
	"github.com/rusmes/otelmail/health/checks"
	"github.com/rusmes/otelmail/instrumentation/otelsmtp"
)

func main() {
	ctx := context.Background()
	tel, err := otelmail.Start(ctx, prometheus.Serve(prometheus.WithWebConfigFile("web.yml", webconfig.Read)),
		otlp.Push(otlp.Enable(otlpgrpc.Transport())), live.Serve(), otelmail.WithCheck("listener", checks.SMTP("127.0.0.1:2525")))
	if err != nil {
		log.Print(err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:2525")
	if err != nil {
		log.Fatal(err)
	}
	log.Print(otelsmtp.NewServer(tel, smtp.NewServer(nil)).Serve(l))
	log.Print(tel.Shutdown(ctx))
	log.Print(check.Run(ctx))
}
