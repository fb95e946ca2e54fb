// Command goimap is an IMAP server on github.com/emersion/go-imap/v2, with its store in
// memory. What otelmail adds is marked.
package main

import (
	"context"
	"flag"
	"log"
	"net"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/emersion/go-imap/v2"
	"github.com/emersion/go-imap/v2/imapserver"
	"github.com/emersion/go-imap/v2/imapserver/imapmemserver"

	"github.com/rusmes/otelmail"
	"github.com/rusmes/otelmail/exporters/otlp"
	"github.com/rusmes/otelmail/exporters/prometheus"
	"github.com/rusmes/otelmail/instrumentation/otelimap"
)

var (
	listen = flag.String("imap", "127.0.0.1:1143", "`address` of the IMAP server")
	web    = flag.String("web", "127.0.0.1:9090", "`address` of /metrics and the probes")
)

func main() {
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, stop); err != nil {
		log.Fatal(err)
	}
}

func run(ctx context.Context, stop func()) error {
	// otelmail: the pipelines. Serve answers /metrics and the probes; Push is silent until
	// OTEL_EXPORTER_OTLP_ENDPOINT names a Collector.
	tel, err := otelmail.Start(ctx,
		otelmail.WithService("goimap", "0.1.0"),
		prometheus.Serve(prometheus.WithAddress(*web)),
		otlp.Push(),
	)
	if err != nil {
		return err
	}
	listener, err := net.Listen("tcp", *listen)
	if err != nil {
		return err
	}
	store := imapmemserver.New()
	bob := imapmemserver.NewUser("bob", "secret")
	if err := bob.Create("INBOX", nil); err != nil {
		return err
	}
	store.AddUser(bob)
	tel.Storage.Mailboxes.Set(1) // otelmail: what the store holds, as far as it tells

	// otelmail: one line in place of imapserver.New, and none in the sessions.
	server := otelimap.NewServer(tel, &imapserver.Options{
		NewSession: func(conn *imapserver.Conn) (imapserver.Session, *imapserver.GreetingData, error) {
			return &session{store.NewSession().(imapserver.SessionIMAP4rev2), tel, conn}, nil, nil
		},
		Caps:         imap.CapSet{imap.CapIMAP4rev1: {}, imap.CapIMAP4rev2: {}},
		InsecureAuth: true, // on loopback
	})
	failed := make(chan error, 1)
	go func() { failed <- server.Serve(listener) }()

	select {
	case err = <-failed:
	case <-ctx.Done():
	}
	stop() // a second signal ends the program at once
	grace, cancel := context.WithTimeout(context.Background(), 25*time.Second)
	defer cancel()
	// otelmail: /ready says 503 from now on, commands in progress end, clients hear BYE, and
	// telemetry is flushed. Behind a load balancer give it time to look away: 5 s in place of 0.
	if drained := tel.Drain(grace, 0, server.Shutdown); drained != nil {
		log.Print(drained)
	}
	return err
}

// session is one of the store's, whose APPEND is timed.
type session struct {
	imapserver.SessionIMAP4rev2
	tel  *otelmail.Telemetry
	conn *imapserver.Conn
}

func (s *session) Append(mailbox string, r imap.LiteralReader, options *imap.AppendOptions) (*imap.AppendData, error) {
	// otelmail: how long the store takes. Context has the span of the command in progress, which
	// leads from the histogram to its trace.
	operation := s.tel.Storage.Operation(otelimap.Context(s.conn), otelmail.StoreAppend)
	data, err := s.SessionIMAP4rev2.Append(mailbox, r, options)
	operation.End(otelmail.CauseOf(err))
	if err == nil {
		s.tel.Storage.Messages.Add(1)
	}
	return data, err
}
