// Command gosmtp is a relay on github.com/emersion/go-smtp: it takes mail into a queue on
// disk and delivers it to the next server. What otelmail adds is marked.
package main

import (
	"context"
	"flag"
	"io"
	"log"
	"net"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/emersion/go-smtp"

	"github.com/rusmes/otelmail"
	"github.com/rusmes/otelmail/exporters/otlp"
	"github.com/rusmes/otelmail/exporters/prometheus"
	"github.com/rusmes/otelmail/health"
	"github.com/rusmes/otelmail/instrumentation/otelsmtp"
)

var (
	listen = flag.String("smtp", "127.0.0.1:2525", "`address` on which mail is taken, from anybody for anybody")
	next   = flag.String("next", "127.0.0.1:2526", "`address` of the server that mail is delivered to")
	web    = flag.String("web", "127.0.0.1:9090", "`address` of /metrics and the probes")
	dir    = flag.String("queue", "queue", "`directory` of the queue")
	retry  = flag.Duration("retry", 30*time.Second, "`time` from an attempt to the next one")
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
		otelmail.WithService("gosmtp", "0.1.0"),
		otelmail.WithCheck("queue", health.WriteReadBack(*dir), health.Decides(health.Readiness)),
		prometheus.Serve(prometheus.WithAddress(*web)),
		otlp.Push(),
	)
	if err != nil {
		return err
	}
	q, err := openQueue(*dir, *next, *retry, tel)
	if err != nil {
		return err
	}
	listener, err := net.Listen("tcp", *listen)
	if err != nil {
		return err
	}
	mx := smtp.NewServer(&backend{q})
	mx.Domain = "relay.example.org"
	mx.MaxMessageBytes = 20 << 20
	mx.ReadTimeout, mx.WriteTimeout = 5*time.Minute, 5*time.Minute
	// otelmail: one line around the server.
	server := otelsmtp.NewServer(tel, mx, otelsmtp.MaxConnections(200))
	failed := make(chan error, 1)
	go func() { failed <- server.Serve(listener) }()
	go q.run()

	select {
	case err = <-failed:
	case <-ctx.Done():
	}
	stop() // a second signal ends the program at once
	grace, cancel := context.WithTimeout(context.Background(), 25*time.Second)
	defer cancel()
	// otelmail: /ready says 503 from now on, sessions and the attempt in progress end, and
	// telemetry is flushed. Behind a load balancer give it time to look away: 5 s in place of 0.
	if drained := tel.Drain(grace, 0, server.Shutdown, q.shutdown); drained != nil {
		log.Print(drained)
	}
	return err
}

type backend struct{ queue *queue }

func (b *backend) NewSession(c *smtp.Conn) (smtp.Session, error) {
	return &session{queue: b.queue, conn: c}, nil
}

type session struct {
	queue *queue
	conn  *smtp.Conn
	from  string
	to    []string
}

func (s *session) Reset()        { s.from, s.to = "", nil }
func (s *session) Logout() error { return nil }

func (s *session) Mail(from string, _ *smtp.MailOptions) error {
	s.from = from
	return nil
}

func (s *session) Rcpt(to string, _ *smtp.RcptOptions) error {
	s.to = append(s.to, to)
	return nil
}

func (s *session) Data(r io.Reader) error {
	// otelmail: Context has the span of the DATA command, in which the message is queued.
	if err := s.queue.put(otelsmtp.Context(s.conn), s.from, s.to, r); err != nil {
		log.Print(err) // to any other error than the following go-smtp answers 554
		return &smtp.SMTPError{Code: 451, EnhancedCode: smtp.EnhancedCode{4, 3, 0}, Message: "Try again later"}
	}
	return nil
}
