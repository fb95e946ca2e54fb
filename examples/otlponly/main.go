// Command otlponly is a mail server on github.com/emersion/go-smtp that sends all it tells to
// a Collector and serves no /metrics. What otelmail adds is marked.
package main

import (
	"context"
	"crypto/rand"
	"errors"
	"flag"
	"io"
	"log"
	"net"
	"net/http"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/emersion/go-smtp"

	"github.com/rusmes/otelmail"
	"github.com/rusmes/otelmail/exporters/otlp"
	"github.com/rusmes/otelmail/health"
	"github.com/rusmes/otelmail/instrumentation/otelsmtp"
)

var (
	listen = flag.String("smtp", "127.0.0.1:2525", "`address` on which mail for example.org is taken")
	probes = flag.String("probes", "127.0.0.1:8081", "`address` of /health, /ready and /live")
	dir    = flag.String("mail", "mail", "`directory` of the mail")
	buffer = flag.String("buffer", "telemetry", "`directory` of what the Collector does not have yet")
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
	if err := os.MkdirAll(*dir, 0o700); err != nil {
		return err
	}
	// otelmail: the one pipeline, to where OTEL_EXPORTER_OTLP_ENDPOINT says. While the Collector
	// is away, and after a restart, what it does not have waits on disk.
	tel, err := otelmail.Start(ctx,
		otelmail.WithService("otlponly", "0.1.0"),
		otelmail.WithCheck("storage", health.WriteReadBack(*dir), health.Decides(health.Readiness)),
		otelmail.WithLogMailEvents(), // what happens to each message, in the local log, too
		otlp.Push(otlp.Buffer(*buffer)),
	)
	if err != nil {
		return err
	}
	// otelmail: the probes on a server of the program's own.
	mux := http.NewServeMux()
	if err := tel.Health.Mount(mux); err != nil {
		return err
	}
	page, err := net.Listen("tcp", *probes)
	if err != nil {
		return err
	}
	pages := &http.Server{Handler: mux, ReadHeaderTimeout: 10 * time.Second}
	mail, err := net.Listen("tcp", *listen)
	if err != nil {
		return err
	}
	mx := smtp.NewServer(smtp.BackendFunc(func(c *smtp.Conn) (smtp.Session, error) {
		return &session{conn: c, tel: tel}, nil
	}))
	mx.Domain = "mx.example.org"
	server := otelsmtp.NewServer(tel, mx) // otelmail: one line around the server
	failed := make(chan error, 2)
	go func() { failed <- server.Serve(mail) }()
	go func() { failed <- pages.Serve(page) }()

	select {
	case err = <-failed:
	case <-ctx.Done():
	}
	stop() // a second signal ends the program at once
	grace, cancel := context.WithTimeout(context.Background(), 25*time.Second)
	defer cancel()
	// otelmail: /ready says 503 from now on, sessions end, and telemetry is flushed. Behind a
	// load balancer give it time to look away: 5 s in place of 0.
	if drained := errors.Join(tel.Drain(grace, 0, server.Shutdown), pages.Shutdown(grace)); drained != nil {
		log.Print(drained)
	}
	return err
}

type session struct {
	conn *smtp.Conn
	tel  *otelmail.Telemetry
}

func (s *session) Reset()                               {}
func (s *session) Logout() error                        { return nil }
func (s *session) Mail(string, *smtp.MailOptions) error { return nil }

func (s *session) Rcpt(to string, _ *smtp.RcptOptions) error {
	if !strings.HasSuffix(strings.ToLower(to), "@example.org") {
		return &smtp.SMTPError{Code: 550, EnhancedCode: smtp.EnhancedCode{5, 7, 1}, Message: "No relaying"}
	}
	return nil
}

func (s *session) Data(r io.Reader) error {
	id := rand.Text()
	f, err := os.Create(filepath.Join(*dir, id))
	if err != nil {
		return tryAgain(err)
	}
	size, err := io.Copy(f, r)
	if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
		return tryAgain(err)
	}
	// otelmail: the delivery, below the span of DATA.
	s.tel.Delivery.Attempt(otelsmtp.Context(s.conn), otelmail.Attempt{
		Transport: otelmail.TransportLocal,
		Domain:    "example.org",
		Message:   otelmail.MessageFacts{QueueID: id, Size: size},
	}).End(otelmail.Reply{Code: 250})
	s.tel.Storage.Messages.Add(1)
	return nil
}

// tryAgain is for trouble of our own: go-smtp answers 554 to any other error.
func tryAgain(err error) error {
	log.Print(err)
	return &smtp.SMTPError{Code: 451, EnhancedCode: smtp.EnhancedCode{4, 3, 0}, Message: "Try again later"}
}
