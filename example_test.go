package otelmail_test

import (
	"context"
	"crypto/tls"
	"fmt"
	"log"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/signal"
	"syscall"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/propagation"
	sdklog "go.opentelemetry.io/otel/sdk/log"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"

	"github.com/rusmes/otelmail"
	"github.com/rusmes/otelmail/exporters/otlp"
	"github.com/rusmes/otelmail/exporters/prometheus"
	"github.com/rusmes/otelmail/health"
	"github.com/rusmes/otelmail/mailconv"
)

// What a server is built with, as the examples have it.
var (
	ctx     = context.Background()
	tel     = otelmail.Noop()
	conn, _ = net.Pipe() // in place of one that was accepted
)

// A server with everything: pages for Prometheus and for probes, and a push where
// OTEL_EXPORTER_OTLP_ENDPOINT says.
func ExampleStart() {
	tel, err := otelmail.Start(ctx,
		otelmail.WithService("mymail", "1.2.3"),
		prometheus.Serve(), // /metrics, /health, /ready and /live on 0.0.0.0:9090
		otlp.Push(),        // where OTEL_EXPORTER_OTLP_ENDPOINT points; else nowhere
	)
	if err != nil {
		log.Print(err) // names the setting, its value and what is allowed; tel records nothing
	}
	defer tel.Shutdown(context.Background())
}

// What an operator may want otherwise.
func ExampleStart_options() {
	tel, err := otelmail.Start(ctx,
		otelmail.WithService("mymail", "1.2.3"),
		otelmail.WithNamespace("mymail"),                         // rusmes_queue_size becomes mymail_queue_size
		otelmail.WithPrivacy(otelmail.PrivacyHash),               // no domains, no addresses
		otelmail.WithHashKey([]byte("the same on every server")), // hashes correlate in the fleet
		otelmail.WithLocalDomains("example.org"),                 // always shown, beside the busiest
		otelmail.WithQueueLinkAfter(30*time.Second),              // late retries are traces of their own
		otelmail.WithCheck("storage", health.WriteReadBack(os.TempDir()), health.Decides(health.Readiness)),
		otelmail.WithLogHandler(slog.NewJSONHandler(os.Stdout, nil)),
		otelmail.WithLogExportLevel(slog.LevelWarn), // what leaves over OTLP
		otelmail.WithLogMailEvents(),                // a line for each step of a message
		otelmail.WithExponentialHistograms(),
		otelmail.WithResourceAttributes(attribute.String("deployment.environment.name", "staging")),
		otelmail.WithSampler(sdktrace.AlwaysSample()),       // within unsampled parents, too
		otelmail.WithPropagator(propagation.TraceContext{}), // and no baggage
		otelmail.WithShutdownTimeout(10*time.Second),
		otelmail.WithStrictSettings(), // no start with a typo in OTEL_* or RUSMES_*
	)
	if err != nil {
		log.Fatal(err)
	}
	defer tel.Shutdown(context.Background())
	// SIGHUP, for example: from now on hashes correlate with none of those before.
	if err := tel.RotateHashKey([]byte("another secret of the fleet")); err != nil {
		log.Print(err)
	}
}

// A server that has an http.Server of its own serves /metrics and the probes there.
func ExampleTelemetry_Reader() {
	tel, err := otelmail.Start(ctx, otelmail.WithService("mymail", "1.2.3"))
	if err != nil {
		log.Fatal(err)
	}
	defer tel.Shutdown(context.Background())

	metrics, err := prometheus.NewHandler(tel.Reader())
	if err != nil {
		log.Fatal(err)
	}
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", metrics)
	if err := tel.Health.Mount(mux); err != nil { // /health, /ready, /live
		log.Fatal(err)
	}
}

// An application with OpenTelemetry providers of its own gets the same series on them.
func ExampleNew() {
	reader, err := otelmail.NewReader()
	if err != nil {
		log.Fatal(err)
	}
	meters := sdkmetric.NewMeterProvider(sdkmetric.WithReader(reader), sdkmetric.WithView(reader.Views()...))
	tel, err := otelmail.New(
		otelmail.WithMeterProvider(meters),
		otelmail.WithTracerProvider(sdktrace.NewTracerProvider()),
		otelmail.WithLoggerProvider(sdklog.NewLoggerProvider()),
		otelmail.WithHealth(health.New()), // the application's own
	)
	if err != nil {
		log.Fatal(err)
	}
	defer tel.Shutdown(context.Background())
	tel.Queue.Size.Set(3)
	size, err := tel.Value("queue_size")
	fmt.Println(size, err)
	// Output: 3 <nil>
}

// A session, a command, and how it ended: what a server does that is not observed by
// package observe or an adapter.
func ExampleSMTP() {
	tel := newExampleTelemetry() // prints the spans as they end
	session := tel.SMTP.Session(ctx, otelmail.RoleMX, otelmail.Conn{Remote: conn.RemoteAddr()})
	command := session.Command(mailconv.SMTPRcpt)
	command.Note(otelmail.SMTPFacts{To: "bob@example.org"})
	command.End(otelmail.Reply{Code: 550, Enhanced: otelmail.EnhancedCode{5, 1, 1}})

	data := session.Command(mailconv.SMTPData)
	data.EndMessage(otelmail.Reply{Code: 250}, "eve@example.org") // its recipients
	session.End(otelmail.CauseNone)
	counted(tel, "smtp_errors_total")
	counted(tel, "smtp_messages_received_total")
	counted(tel, "messages_per_domain_total", "example.org")
	// Output:
	// span SMTP RCPT, error.type 5.1.1
	// span SMTP DATA
	// span SMTP session
	// smtp_errors_total 1
	// smtp_messages_received_total 1
	// messages_per_domain_total{example.org} 1
}

// A connection that is refused has no session.
func ExampleSMTP_Refuse() {
	tel := newExampleTelemetry()
	tel.SMTP.Refuse(otelmail.RoleMX, otelmail.RefusedOverload)
	counted(tel, "smtp_connections_rejected_overload_total")
	counted(tel, "smtp_connections_total")
	// Output:
	// smtp_connections_rejected_overload_total 1
	// smtp_connections_total 0
}

// A reply as it stands on the wire, and one that a client of net/smtp was given.
func ExampleParseReply() {
	reply, ok := otelmail.ParseReply("550 5.1.1 no such user\r\n")
	fmt.Println(reply.Code, reply.Enhanced, reply.Refused(), ok)
	// Output: 550 5.1.1 true true
}

func ExampleIMAP() {
	tel := newExampleTelemetry()
	session := tel.IMAP.Session(ctx, otelmail.Conn{Remote: conn.RemoteAddr()})
	command := session.Command(mailconv.IMAPSelect)
	command.Note(otelmail.IMAPFacts{User: "bob@example.org", Mailbox: "INBOX", State: mailconv.IMAPAuthenticated})
	command.End(otelmail.IMAPReply{Result: otelmail.IMAPNo, Code: "NONEXISTENT"})
	session.End(otelmail.CauseNone)
	counted(tel, "imap_commands_total")
	counted(tel, "imap_errors_total")
	// Output:
	// span IMAP SELECT, error.type NONEXISTENT
	// imap_commands_total 1
	// imap_errors_total 1
}

func ExamplePOP3() {
	tel := newExampleTelemetry()
	session := tel.POP3.Session(ctx, otelmail.Conn{Remote: conn.RemoteAddr()})
	command := session.Command(mailconv.POP3Retr)
	command.End(otelmail.POP3Reply{Cause: otelmail.CauseStorage}) // -ERR
	counted(tel, "active_connections", "pop3")
	session.End(otelmail.CauseNone)
	counted(tel, "active_connections", "pop3")
	// Output:
	// span POP3 RETR, error.type storage
	// active_connections{pop3} 1
	// span POP3 session
	// active_connections{pop3} 0
}

// A JMAP server over something else than net/http, for which there is oteljmap.
func ExampleJMAP() {
	tel := newExampleTelemetry()
	request := tel.JMAP.Request(ctx)
	call := request.Call(ctx, otelmail.JMAPFacts{Method: "Email/get", CallID: "c1"})
	call.End("accountNotFound") // the error's type, "" for success
	request.End(false)
	counted(tel, "jmap_requests_total")
	counted(tel, "jmap_errors_total")
	// Output:
	// span JMAP Email/get, error.type accountNotFound
	// jmap_requests_total 1
	// jmap_errors_total 1
}

// A message's way through the pipeline, and a stage of it.
func ExampleMail() {
	tel := newExampleTelemetry()
	facts := otelmail.MessageFacts{QueueID: "q1", Direction: mailconv.Inbound, Size: 4711}
	processing := tel.Mail.Process(ctx, facts)
	stage := tel.Mail.Stage(processing.Context(), "spam-filter", facts)
	stage.End(otelmail.StageReject, otelmail.CauseNone)
	processing.End(otelmail.FateRejected, otelmail.CauseNone)
	counted(tel, "mail_processed_total")
	// Output:
	// span mailet spam-filter
	// span mail process
	// mail_processed_total 1
}

// A message is put into the queue with its trace, and taken out of it hours later, perhaps
// by another process.
func ExampleQueue() {
	tel := newExampleTelemetry()
	facts := otelmail.MessageFacts{QueueID: "q1"}
	message, queueing := tel.Queue.Enqueue(ctx, facts) // store message beside the mail
	queueing.End(otelmail.CauseNone)

	work := tel.Queue.Dequeue(ctx, message, facts)
	attempt := tel.Delivery.Attempt(work.Context(), message.Attempt(otelmail.TransportSMTP, "example.net"))
	outcome := attempt.End(otelmail.Reply{Code: 451}) // store message again: it counts its attempts
	work.End(otelmail.CauseNone)
	switch outcome {
	case otelmail.OutcomeDelivered:
		tel.Queue.Remove(work.Context(), message, otelmail.RemovedDelivered)
	case otelmail.OutcomeFailed:
		tel.Queue.Remove(work.Context(), message, otelmail.RemovedBounced)
	}
	fmt.Println(outcome, message.Attempts)
	counted(tel, "queue_size")
	// Output:
	// span queue enqueue
	// span deliver smtp, error.type 451
	// span queue dequeue
	// deferred map[example.net:1]
	// queue_size 1
}

// A queue tells what it holds, by state.
func ExampleQueue_Observe() {
	tel := newExampleTelemetry()
	tel.Queue.Observe(func(context.Context) (otelmail.QueueState, error) {
		return otelmail.QueueState{
			Ready:    otelmail.QueueShare{Messages: 3, Bytes: 12000, Oldest: time.Now().Add(-time.Second)},
			Deferred: otelmail.QueueShare{Messages: 40, Bytes: 1 << 20, Oldest: time.Now().Add(-5 * time.Hour)},
		}, nil
	})
	deferred, _ := tel.Value("queue_messages", "deferred")
	size, _ := tel.Value("queue_size")
	fmt.Println(deferred, size)
	// Output: 40 43
}

// Two queues that were not empty at start-up.
func ExampleGauge() {
	tel := newExampleTelemetry()
	tel.Queue.Size.Add(3) // the queue of incoming mail
	tel.Queue.Size.Add(4) // that of outgoing mail
	fmt.Println(tel.Queue.Size.Load())

	// Or one answer to one question:
	tel.Storage.Bytes.Observe(func(context.Context) (int64, error) { return 1 << 20, nil })
	bytes, err := tel.Value("storage_bytes")
	fmt.Println(bytes, err)
	// Output:
	// 7
	// 1048576 <nil>
}

// A delivery to a remote server: what was connected to, what TLS agreed on, and the reply.
func ExampleDelivery() {
	attempt := tel.Delivery.Attempt(ctx, otelmail.Attempt{
		Transport: otelmail.TransportSMTP,
		Domain:    "example.net",
		Server:    "mx.example.net",
		TLSPolicy: mailconv.TLSDANE,
	})
	var dialer net.Dialer
	remote, err := attempt.Dial(ctx, dialer.DialContext, "tcp", "mx.example.net:25")
	if err != nil {
		attempt.End(otelmail.ReplyOf(err)) // no reply: timeout, refused, dns …
		return
	}
	defer remote.Close()
	attempt.End(otelmail.Reply{Code: 250})
}

// The phases of an attempt, and its TLS, by a client of one's own.
func ExampleDelivering_Phase() {
	attempt := tel.Delivery.Attempt(ctx, otelmail.Attempt{TLSPolicy: mailconv.TLSRequired, Due: time.Now()})
	tlsConn := tls.Client(conn, &tls.Config{ServerName: "mx.example.net"})

	handshake := attempt.Phase(otelmail.PhaseTLS)
	err := tlsConn.HandshakeContext(ctx)
	handshake.End()
	if err != nil {
		attempt.TLSFailed(otelmail.TLSFailureOf(err), err)
		attempt.End(otelmail.ReplyOf(err))
		return
	}
	attempt.TLS(tlsConn.ConnectionState())
	attempt.End(otelmail.Reply{Code: 250})
}

// Lookups in the DNS, by package net.
func ExampleDNS() {
	lookup := tel.DNS.Lookup(ctx, "MX")
	servers, err := net.DefaultResolver.LookupMX(ctx, "example.net")
	lookup.End(err)
	_ = servers
}

// By a library that shows the response code.
func ExampleDNSLookup_EndCode() {
	lookup := tel.DNS.Lookup(ctx, "TLSA")
	code, records := 3, 0 // NXDOMAIN
	lookup.EndCode(code, records)
}

// A delivery that our own limit puts off.
func ExampleDelivery_Throttled() {
	tel := newExampleTelemetry()
	tel.Delivery.Throttled(otelmail.ThrottledConcurrency)
	counted(tel, "delivery_throttled_total", "concurrency")
	// Output: delivery_throttled_total{concurrency} 1
}

// A refusal whose codes name the user, but whose reason was the server's own.
func ExampleFault() {
	tel := newExampleTelemetry()
	command := tel.SMTP.Session(ctx, otelmail.RoleMX, otelmail.Conn{}).Command(mailconv.SMTPRcpt)
	command.End(otelmail.Reply{
		Code: 550, Enhanced: otelmail.EnhancedCode{5, 1, 1},
		Fault: otelmail.FaultOurs, // half of the user table was lost
	})
	counted(tel, "rejections_total", "mx", "rcpt", "5xx", "unknown_user", "ours")
	// Output:
	// span SMTP RCPT, error.type 5.1.1
	// rejections_total{mx,rcpt,5xx,unknown_user,ours} 1
}

// A Web Push notification (RFC 8030).
func ExampleWebPush() {
	attempt := tel.WebPush.Attempt(ctx, "push.example.net")
	if outcome := attempt.End(otelmail.WebPushReply{Status: 410}); outcome == otelmail.OutcomeFailed {
		fmt.Println("the subscription is gone")
	}
	// Output: the subscription is gone
}

// Records of the log have the trace's ids, and leave over OTLP too.
func ExampleTelemetry_LogHandler() {
	logger := slog.New(tel.LogHandler(slog.NewTextHandler(os.Stdout, nil)))
	session := tel.SMTP.Session(ctx, otelmail.RoleSubmission, otelmail.Conn{})
	logger.InfoContext(session.Context(), "accepted")
	session.End(otelmail.CauseNone)
}

// The local log, written as RUSMES_LOG_* say or as WithLogHandler does.
func ExampleTelemetry_Logger() {
	session := tel.SMTP.Session(ctx, otelmail.RoleMX, otelmail.Conn{})
	tel.Logger().InfoContext(session.Context(), "accepted", "recipients", 3)
	tel.LocalLogger().Warn("refused", "by", "anna@example.org") // is not pushed
	session.End(otelmail.CauseNone)
}

// Instruments, spans and log records of the application's own go where otelmail's go.
func ExampleTelemetry_MeterProvider() {
	meter := tel.MeterProvider().Meter("mymail")
	lookups, err := meter.Int64Counter("mymail.alias.lookups")
	if err != nil {
		log.Fatal(err)
	}
	lookups.Add(ctx, 1)

	_, span := tel.TracerProvider().Tracer("mymail").Start(ctx, "alias lookup")
	span.End()
	_ = tel.LoggerProvider().Logger("mymail")
}

// Every series, with what a rise of it means.
func ExampleCatalog() {
	for _, m := range otelmail.Catalog() {
		if m.Name == "queue_size" {
			fmt.Println(m.FullName("rusmes"), m.Kind, m.Unit, m.Help)
		}
	}
	// Output: rusmes_queue_size gauge {message} Messages in the queue now
}

// What a program does with a SIGTERM: Kubernetes grants 30 s from then on.
func ExampleTelemetry_Drain() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	server := &http.Server{} // net/http's, otelsmtp's, otelimap's

	<-ctx.Done()
	stop() // a second signal ends the program at once
	grace, cancel := context.WithTimeout(context.Background(), 25*time.Second)
	defer cancel()
	if err := tel.Drain(grace, 5*time.Second, server.Shutdown); err != nil {
		log.Print(err) // what was cut off or could not be delivered
	}
}
