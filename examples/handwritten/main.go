// Command handwritten is a mail server without a mail library: a loop over its connections
// for SMTP and one for POP3, with bob@example.org's mailbox in memory. What otelmail adds is
// marked.
package main

import (
	"context"
	"crypto/tls"
	"flag"
	"log"
	"net"
	"os"
	"os/signal"
	"sync"
	"syscall"
	"time"

	"github.com/rusmes/otelmail"
	"github.com/rusmes/otelmail/exporters/otlp"
	"github.com/rusmes/otelmail/exporters/prometheus"
)

var (
	smtpAddress = flag.String("smtp", "127.0.0.1:2525", "`address` of the SMTP server")
	pop3Address = flag.String("pop3", "127.0.0.1:1110", "`address` of the POP3 server")
	web         = flag.String("web", "127.0.0.1:9090", "`address` of /metrics and the probes")
	certificate = flag.String("cert", "", "`file` of the certificate; none for no STARTTLS")
	key         = flag.String("key", "", "`file` of its key")
)

// server is what the loops share.
type server struct {
	tel *otelmail.Telemetry
	tls *tls.Config // nil for no STARTTLS
	box mailbox
}

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
		otelmail.WithService("handwritten", "0.1.0"),
		prometheus.Serve(prometheus.WithAddress(*web)),
		otlp.Push(),
	)
	if err != nil {
		return err
	}
	s := &server{tel: tel}
	if *certificate != "" {
		pair, err := tls.LoadX509KeyPair(*certificate, *key)
		if err != nil {
			return err
		}
		s.tls = &tls.Config{Certificates: []tls.Certificate{pair}}
	}
	smtp, err := listen(*smtpAddress, s.smtp)
	if err != nil {
		return err
	}
	pop3, err := listen(*pop3Address, s.pop3)
	if err != nil {
		return err
	}

	<-ctx.Done()
	stop() // a second signal ends the program at once
	grace, cancel := context.WithTimeout(context.Background(), 25*time.Second)
	defer cancel()
	// otelmail: /ready says 503 from now on, sessions end, and telemetry is flushed. Behind a
	// load balancer give it time to look away: 5 s in place of 0.
	return tel.Drain(grace, 0, smtp.shutdown, pop3.shutdown)
}

// listener serves each connection in a goroutine of its own.
type listener struct {
	net.Listener
	sessions sync.WaitGroup
	mu       sync.Mutex
	open     map[net.Conn]bool
}

func listen(address string, serve func(net.Conn)) (*listener, error) {
	l, err := net.Listen("tcp", address)
	if err != nil {
		return nil, err
	}
	all := &listener{Listener: l, open: map[net.Conn]bool{}}
	all.sessions.Go(func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return // it was closed
			}
			all.note(conn, true)
			all.sessions.Go(func() {
				defer all.note(conn, false)
				serve(conn)
			})
		}
	})
	return all, nil
}

func (l *listener) note(conn net.Conn, open bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if open {
		l.open[conn] = true
	} else {
		delete(l.open, conn)
	}
}

// shutdown waits for the sessions until ctx ends, and then cuts them off.
func (l *listener) shutdown(ctx context.Context) error {
	err := l.Close()
	ended := make(chan struct{})
	go func() { l.sessions.Wait(); close(ended) }()
	select {
	case <-ended:
		return err
	case <-ctx.Done():
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	for conn := range l.open {
		conn.Close()
	}
	return ctx.Err()
}
