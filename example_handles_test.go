package otelmail_test

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"log"
	"net"
	"strings"
	"time"

	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"

	"github.com/rusmes/otelmail"
	"github.com/rusmes/otelmail/mailconv"
)

// newExampleTelemetry prints the name of each span that ends.
func newExampleTelemetry() *otelmail.Telemetry {
	tel, err := otelmail.New(
		otelmail.WithMeterProvider(sdkmetric.NewMeterProvider()),
		otelmail.WithTracerProvider(sdktrace.NewTracerProvider(sdktrace.WithSyncer(printer{}))),
	)
	if err != nil {
		log.Fatal(err)
	}
	return tel
}

type printer struct{}

func (printer) Shutdown(context.Context) error { return nil }

func (printer) ExportSpans(_ context.Context, spans []sdktrace.ReadOnlySpan) error {
	for _, s := range spans {
		fmt.Print("span ", s.Name())
		for _, a := range s.Attributes() {
			if a.Key == "error.type" {
				fmt.Print(", error.type ", a.Value.AsString())
			}
		}
		fmt.Println()
	}
	return nil
}

// counted prints the value of a series, as Value reads it.
func counted(tel *otelmail.Telemetry, name string, labels ...string) {
	n, err := tel.Value(name, labels...)
	if err != nil {
		log.Print(err)
	}
	if len(labels) > 0 {
		name += "{" + strings.Join(labels, ",") + "}"
	}
	fmt.Println(name, n)
}

// A submission session that begins in plaintext, and whose user is known after AUTH.
func ExampleSMTPSession() {
	tel := newExampleTelemetry()
	session := tel.SMTP.Session(ctx, otelmail.RoleSubmission, otelmail.Conn{Remote: conn.RemoteAddr()})
	session.Command(mailconv.SMTPStartTLS).End(otelmail.Reply{Code: 220})
	session.TLS(tls.ConnectionState{HandshakeComplete: true, Version: tls.VersionTLS13})
	login := session.Command(mailconv.SMTPAuth)
	login.Note(otelmail.SMTPFacts{User: "bob@example.org"})
	login.End(otelmail.Reply{Code: 535, Enhanced: otelmail.EnhancedCode{5, 7, 8}})
	session.End(otelmail.CauseTimeout) // the client said nothing more
	counted(tel, "tls_sessions_total", "starttls")
	counted(tel, "smtp_auth_failure_total")
	counted(tel, "smtp_errors_total")
	// Output:
	// span SMTP STARTTLS
	// span SMTP AUTH, error.type 5.7.8
	// span SMTP session, error.type timeout
	// tls_sessions_total{starttls} 1
	// smtp_auth_failure_total 1
	// smtp_errors_total 2
}

// What the server does for a command is done in its context.
func ExampleIMAPSession() {
	tel := newExampleTelemetry()
	session := tel.IMAP.Session(ctx, otelmail.Conn{Remote: conn.RemoteAddr()})
	fetch := session.Command(mailconv.IMAPFetch)
	read := tel.Storage.Operation(fetch.Context(), otelmail.StoreFetch)
	read.End(otelmail.CauseNone)
	fetch.End(otelmail.IMAPReply{Result: otelmail.IMAPOK})
	session.ProtocolError() // a line that was no command, answered with an untagged BAD
	session.End(otelmail.CauseReset)
	counted(tel, "imap_commands_total")
	counted(tel, "imap_errors_total")
	// Output:
	// span IMAP FETCH
	// imap_commands_total 1
	// imap_errors_total 2
}

// A session that goes on inside TLS.
func ExamplePOP3Session() {
	tel := newExampleTelemetry()
	session := tel.POP3.Session(ctx, otelmail.Conn{Remote: conn.RemoteAddr()})
	session.Command(mailconv.POP3Stls).End(otelmail.POP3Reply{OK: true})
	session.TLS(tls.ConnectionState{HandshakeComplete: true, Version: tls.VersionTLS13})
	session.Command(mailconv.POP3Quit).End(otelmail.POP3Reply{OK: true})
	session.End(otelmail.CauseNone)
	counted(tel, "tls_sessions_total", "starttls")
	// Output:
	// span POP3 STLS
	// span POP3 QUIT
	// span POP3 session
	// tls_sessions_total{starttls} 1
}

// A request that is refused as a whole has no calls.
func ExampleJMAPRequest() {
	tel := newExampleTelemetry()
	request := tel.JMAP.Request(ctx)
	request.End(true) // its body was no JSON
	counted(tel, "jmap_requests_total")
	counted(tel, "jmap_errors_total")
	// Output:
	// jmap_requests_total 1
	// jmap_errors_total 1
}

// A connection to a JMAP server that is not net/http's, for which there is oteljmap.ConnState.
func ExampleJMAPConnection() {
	tel := newExampleTelemetry()
	connection := tel.JMAP.Connect(otelmail.Conn{Remote: conn.RemoteAddr(), TLS: &tls.ConnectionState{HandshakeComplete: true}})
	counted(tel, "active_connections", "jmap")
	connection.Close()
	counted(tel, "active_connections", "jmap")
	counted(tel, "tls_sessions_total", "yes")
	// Output:
	// active_connections{jmap} 1
	// active_connections{jmap} 0
	// tls_sessions_total{yes} 1
}

// A message that is discarded on purpose.
func ExampleProcessing() {
	tel := newExampleTelemetry()
	processing := tel.Mail.Process(ctx, otelmail.MessageFacts{QueueID: "q1"})
	processing.End(otelmail.FateDropped, otelmail.CauseNone)
	counted(tel, "mail_processed_total")
	counted(tel, "mail_dropped_total")
	// Output:
	// span mail process
	// mail_processed_total 1
	// mail_dropped_total 1
}

// A stage that fails. What a stage decides, be it to refuse the message, is no failure.
func ExampleStage() {
	tel := newExampleTelemetry()
	stage := tel.Mail.Stage(ctx, "virus-scanner", otelmail.MessageFacts{QueueID: "q1"})
	stage.End(otelmail.StageError, otelmail.CauseTimeout)
	// Output:
	// span mailet virus-scanner, error.type timeout
}

// A message that could not be stored is not in the queue.
func ExampleQueueing() {
	tel := newExampleTelemetry()
	_, queueing := tel.Queue.Enqueue(ctx, otelmail.MessageFacts{QueueID: "q1"})
	queueing.End(otelmail.CauseStorage)
	counted(tel, "queue_size")
	// Output:
	// span queue enqueue, error.type storage
	// queue_size 0
}

// What is done for the message in the queue is done in the context of the work.
func ExampleDequeueing() {
	tel := newExampleTelemetry()
	message := otelmail.Message{QueueID: "q1", Enqueued: time.Now().Add(-time.Hour)} // as it was stored
	work := tel.Queue.Dequeue(ctx, message, otelmail.MessageFacts{})
	tel.Mail.Stage(work.Context(), "dkim-signer", otelmail.MessageFacts{}).End(otelmail.StageContinue, otelmail.CauseNone)
	work.End(otelmail.CauseNone)
	// Output:
	// span mailet dkim-signer
	// span queue dequeue
}

// What to store with a message in the queue, and how it counts its attempts.
func ExampleMessage() {
	message := otelmail.Message{QueueID: "q1", Enqueued: time.Date(2026, 11, 27, 9, 0, 0, 0, time.UTC)}
	first := message.Attempt(otelmail.TransportSMTP, "example.net")
	second := message.Attempt(otelmail.TransportSMTP, "example.net")
	fmt.Println(first.Number, second.Number)
	stored, err := json.Marshal(message)
	fmt.Println(string(stored), err)
	// Output:
	// 1 2
	// {"queue_id":"q1","enqueued":"2026-11-27T09:00:00Z","attempts":{"example.net":2}} <nil>
}

// The trace of a span as it is stored, by a server that stores no Message.
func ExampleTraceContext() {
	tel := newExampleTelemetry()
	session := tel.SMTP.Session(ctx, otelmail.RoleMX, otelmail.Conn{})
	stored := otelmail.TraceContextOf(session.Context()) // Parent is a W3C traceparent
	session.End(otelmail.CauseNone)

	later := tel.Delivery.Attempt(ctx, otelmail.Attempt{Queue: stored}) // is linked to it
	later.End(otelmail.Reply{Code: 250})
	fmt.Println(stored.SpanContext().TraceID() == session.Span().SpanContext().TraceID())
	// Output:
	// span SMTP session
	// span deliver smtp
	// true
}

// A deferred message that is too old now has failed.
func ExampleDelivering() {
	tel := newExampleTelemetry()
	attempt := tel.Delivery.Attempt(ctx, otelmail.Attempt{Transport: otelmail.TransportLMTP, Domain: "example.org", Number: 17})
	attempt.EndAs(otelmail.OutcomeFailed, otelmail.Reply{Code: 452, Enhanced: otelmail.EnhancedCode{4, 2, 2}})
	counted(tel, "queue_retries_total")
	counted(tel, "delivery_attempts_total", "lmtp", "failed", "mailbox_full")
	// Output:
	// span deliver lmtp, error.type 4.2.2
	// queue_retries_total 1
	// delivery_attempts_total{lmtp,failed,mailbox_full} 1
}

// A failure of the network is a reply with a cause.
func ExampleReply() {
	reply := otelmail.ReplyOf(&net.OpError{Op: "dial", Err: &net.DNSError{Name: "mx.example.net", IsNotFound: true}})
	fmt.Println(reply.Code, reply.Cause, reply.Temporary())
	// Output: 0 dns true
}

// What a failed operation ends with: nothing of the error's text is shown.
func ExampleCause() {
	fmt.Println(otelmail.CauseOf(nil) == otelmail.CauseNone)
	fmt.Println(otelmail.CauseOf(context.DeadlineExceeded))
	fmt.Println(otelmail.CauseOf(errors.New("bob@example.org has no mailbox")))
	// Output:
	// true
	// timeout
	// _OTHER
}

// A subscription's server that is away.
func ExampleNotifying() {
	tel := newExampleTelemetry()
	attempt := tel.WebPush.Attempt(ctx, "push.example.net")
	fmt.Println(attempt.End(otelmail.WebPushReply{Status: 503}))
	// Output:
	// span push, error.type 503
	// deferred
}

// A search, timed under the command that asked for it.
func ExampleStoreOperation() {
	tel := newExampleTelemetry()
	session := tel.IMAP.Session(ctx, otelmail.Conn{Remote: conn.RemoteAddr()})
	search := session.Command(mailconv.IMAPSearch)
	operation := tel.Storage.Operation(search.Context(), otelmail.StoreSearch)
	operation.End(otelmail.CauseTimeout)
	search.End(otelmail.IMAPReply{Result: otelmail.IMAPNo, Code: "SERVERBUG"})
	session.End(otelmail.CauseNone)
	// Output: span IMAP SEARCH, error.type SERVERBUG
}

// The series of an application's own MeterProvider, collected as a page or a push does.
func ExampleReader() {
	reader, err := otelmail.NewReader()
	if err != nil {
		log.Fatal(err)
	}
	meters := sdkmetric.NewMeterProvider(sdkmetric.WithReader(reader), sdkmetric.WithView(reader.Views()...))
	tel, err := otelmail.New(otelmail.WithMeterProvider(meters))
	if err != nil {
		log.Fatal(err)
	}
	tel.Queue.Size.Set(3)
	var all metricdata.ResourceMetrics
	if err := reader.Collect(ctx, &all); err != nil {
		log.Fatal(err)
	}
	for _, m := range all.ScopeMetrics[0].Metrics {
		if m.Name == reader.Namespace()+"_queue_size" {
			fmt.Println(m.Name, m.Data.(metricdata.Gauge[int64]).DataPoints[0].Value)
		}
	}
	// Output: rusmes_queue_size 3
}

// A server that runs without telemetry calls the same methods.
func ExampleNoop() {
	tel := otelmail.Noop()
	tel.Queue.Size.Set(3)
	counted(tel, "queue_size")
	// Output: queue_size 3
}
