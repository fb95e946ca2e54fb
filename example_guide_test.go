package otelmail_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log"
	"log/slog"
	"net"
	"net/http"
	"os"
	"slices"
	"strings"
	"time"

	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/attribute"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	"go.opentelemetry.io/otel/sdk/resource"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
	"go.opentelemetry.io/otel/trace"

	"github.com/rusmes/otelmail"
	"github.com/rusmes/otelmail/exporters/otlp"
	"github.com/rusmes/otelmail/exporters/prometheus"
	"github.com/rusmes/otelmail/mailconv"
)

// Metrics are scraped and traces pushed; log records stay where they are.
func ExampleStart_signals() {
	tel, err := otelmail.Start(ctx,
		prometheus.Serve(prometheus.WithAddress("127.0.0.1:0")), // "127.0.0.1:9090"
		otlp.Push(otlp.Metrics(otlp.Off()), otlp.Logs(otlp.Off())),
	)
	if err != nil {
		log.Fatal(err)
	}
	defer tel.Shutdown(context.Background())
	// Output:
}

// Nothing is registered globally but OpenTelemetry's providers, so that a process can have two.
func ExampleWithoutGlobals() {
	inbound, err := otelmail.Start(ctx, otelmail.WithoutGlobals(), otelmail.WithNamespace("inbound"))
	if err != nil {
		log.Fatal(err)
	}
	defer inbound.Shutdown(context.Background())
	relay, err := otelmail.Start(ctx, otelmail.WithoutGlobals(), otelmail.WithNamespace("relay"))
	if err != nil {
		log.Fatal(err)
	}
	defer relay.Shutdown(context.Background())

	inbound.Queue.Size.Set(3)
	waiting, err := relay.Value("queue_size")
	fmt.Println(waiting, err)
	// Output: 0 <nil>
}

// What the application knows of a command stands on its span.
func ExampleSMTPCommand_Context() {
	recorder := tracetest.NewSpanRecorder()
	tel, err := otelmail.New(otelmail.WithTracerProvider(sdktrace.NewTracerProvider(sdktrace.WithSpanProcessor(recorder))))
	if err != nil {
		log.Fatal(err)
	}
	defer tel.Shutdown(context.Background())

	command := tel.SMTP.Session(ctx, otelmail.RoleSubmission, otelmail.Conn{}).Command(mailconv.SMTPMail)
	trace.SpanFromContext(command.Context()).SetAttributes(attribute.String("mymail.plan", "free"))
	command.End(otelmail.Reply{Code: 250})

	span := recorder.Ended()[0]
	for _, a := range span.Attributes() {
		if a.Key == "mymail.plan" {
			fmt.Println(span.Name(), a.Key, "=", a.Value.AsString())
		}
	}
	// Output: SMTP MAIL mymail.plan = free
}

// Providers of the application's own end with the server.
func ExampleTelemetry_Drain_providers() {
	var (
		server    http.Server
		providers = sdkmetric.NewMeterProvider()
	)
	tel, err := otelmail.New(otelmail.WithMeterProvider(providers))
	if err != nil {
		log.Fatal(err)
	}
	otel.SetErrorHandler(otel.ErrorHandlerFunc(func(err error) {
		tel.LocalLogger().Warn("OpenTelemetry", "error", err) // is not pushed
	}))

	grace, cancel := context.WithTimeout(ctx, 25*time.Second)
	defer cancel()
	err = tel.Drain(grace, 5*time.Second, func(ctx context.Context) error {
		return errors.Join(server.Shutdown(ctx), providers.Shutdown(ctx)) // in this order
	})
	if err != nil {
		log.Print(err)
	}
}

// A View of the application's, before ours, leaves a series out.
func ExampleReader_Views() {
	reader, err := otelmail.NewReader()
	if err != nil {
		log.Fatal(err)
	}
	views := append([]sdkmetric.View{without("rusmes_mailboxes_total")}, reader.Views()...)
	meters := sdkmetric.NewMeterProvider(sdkmetric.WithReader(reader), sdkmetric.WithView(views...))
	tel, err := otelmail.New(otelmail.WithMeterProvider(meters))
	if err != nil {
		log.Fatal(err)
	}
	defer tel.Shutdown(context.Background())

	var collected metricdata.ResourceMetrics
	if err := reader.Collect(ctx, &collected); err != nil {
		log.Fatal(err)
	}
	shown := map[string]bool{}
	for _, scope := range collected.ScopeMetrics {
		for _, m := range scope.Metrics {
			shown[m.Name] = true
		}
	}
	fmt.Println(shown["rusmes_queue_size"], shown["rusmes_mailboxes_total"])
	// Output: true false
}

func without(series string) sdkmetric.View {
	return sdkmetric.NewView(sdkmetric.Instrument{Name: series}, sdkmetric.Stream{Aggregation: sdkmetric.AggregationDrop{}})
}

// Without a schema URL of its own a resource merges with that of any version of the SDK.
func ExampleWithTracerProvider() {
	mine := resource.NewSchemaless(attribute.String("service.name", "mymail"))
	merged, err := resource.Merge(resource.Default(), mine)
	if err != nil {
		log.Fatal(err) // "conflicting Schema URL" where mine has one of another version
	}
	tel, err := otelmail.New(otelmail.WithTracerProvider(sdktrace.NewTracerProvider(sdktrace.WithResource(merged))))
	if err != nil {
		log.Fatal(err)
	}
	defer tel.Shutdown(context.Background())
	name, _ := merged.Set().Value("service.name")
	fmt.Println(name.AsString())
	// Output: mymail
}

// What is logged with a context has the ids of the trace that the context belongs to.
func ExampleTelemetry_Logger_ids() {
	tel, err := otelmail.Start(ctx, otelmail.WithoutGlobals(), otelmail.WithLogHandler(slog.NewTextHandler(&lines, nil)))
	if err != nil {
		log.Fatal(err)
	}
	slog.SetDefault(tel.Logger()) // package log, and what libraries write by it, too
	defer slog.SetDefault(standard)

	session := tel.SMTP.Session(ctx, otelmail.RoleMX, otelmail.Conn{})
	slog.InfoContext(session.Context(), "greylisted", "minutes", 5)
	session.End(otelmail.CauseNone)

	if err := tel.Shutdown(ctx); err != nil {
		log.Fatal(err)
	}
	fmt.Println(strings.Contains(lines.String(), "msg=greylisted trace_id="))
	// Output: true
}

var (
	lines    bytes.Buffer
	standard = slog.Default()
)

// With PrivacyFull and events in the local log, a failed login names the client's address.
func ExampleWithLogMailEvents() {
	tel, err := otelmail.Start(ctx, otelmail.WithoutGlobals(),
		otelmail.WithPrivacy(otelmail.PrivacyFull),
		otelmail.WithLogMailEvents(),
		otelmail.WithLogHandler(slog.NewTextHandler(os.Stdout, &slog.HandlerOptions{ReplaceAttr: only("msg", "client.address", "email.login.result")})),
	)
	if err != nil {
		log.Fatal(err)
	}
	session := tel.SMTP.Session(ctx, otelmail.RoleSubmission, otelmail.Conn{Remote: &net.TCPAddr{IP: net.IPv4(192, 0, 2, 77), Port: 52110}})
	session.Command(mailconv.SMTPAuth).End(otelmail.Reply{Code: 535, Enhanced: otelmail.EnhancedCode{5, 7, 8}})
	session.End(otelmail.CauseNone)
	if err := tel.Shutdown(ctx); err != nil {
		log.Fatal(err)
	}
	// Output: msg=email.login_failed email.login.result=failure client.address=192.0.2.77
}

// only leaves out the other attributes, for the sake of an example.
func only(keys ...string) func([]string, slog.Attr) slog.Attr {
	return func(_ []string, a slog.Attr) slog.Attr {
		for _, key := range keys {
			if a.Key == key {
				return a
			}
		}
		return slog.Attr{}
	}
}

// The words of the glossary, in the order in which a message meets them.
func Example_words() {
	session := tel.SMTP.Session(ctx, otelmail.RoleMX, otelmail.Conn{}) // a session, in a role
	command := session.Command(mailconv.SMTPData)                      // a command
	facts := otelmail.MessageFacts{QueueID: "Q7XK2"}
	message, queueing := tel.Queue.Enqueue(command.Context(), facts) // the stored trace context
	queueing.End(otelmail.CauseNone)
	command.End(otelmail.Reply{Code: 250}) // a reply ends a command
	session.End(otelmail.CauseNone)        // a cause ends a session: this one did not break

	work := tel.Queue.Dequeue(ctx, message, facts)
	processing := tel.Mail.Process(work.Context(), facts) // the pipeline
	stage := tel.Mail.Stage(processing.Context(), "spam-filter", facts)
	stage.End(otelmail.StageContinue, otelmail.CauseNone) // a decision ends a stage
	processing.End(otelmail.FateQueued, otelmail.CauseNone)
	attempt := tel.Delivery.Attempt(work.Context(), message.Attempt(otelmail.TransportSMTP, "example.net"))
	outcome := attempt.End(otelmail.Reply{Code: 451}) // an outcome: deferred
	work.End(otelmail.CauseNone)
	fmt.Println(outcome)
	// Output: deferred
}

// What an operator finds an account's series and spans by.
func ExampleTelemetry_Forms() {
	tel, err := otelmail.Start(ctx, otelmail.WithoutGlobals(), otelmail.WithHashKey([]byte("the same on every server")))
	if err != nil {
		log.Fatal(err)
	}
	defer tel.Shutdown(context.Background())
	for _, form := range tel.Forms("anna@example.org") {
		fmt.Println(form)
	}
	// Output: 139d280f9ddfd8bd
}

// A name of ours on a span of the application's.
func ExampleTelemetry_TracerProvider() {
	_, span := tel.TracerProvider().Tracer("mymail").Start(ctx, "archive")
	span.SetAttributes(mailconv.DirectionKey.String("inbound"), mailconv.RecipientDomainKey.String("example.org"))
	span.End()
}

// The life of a message is one trace.
func Example_trace() {
	recorder := tracetest.NewSpanRecorder()
	tel, err := otelmail.New(otelmail.WithTracerProvider(sdktrace.NewTracerProvider(sdktrace.WithSpanProcessor(recorder))))
	if err != nil {
		log.Fatal(err)
	}
	session := tel.SMTP.Session(ctx, otelmail.RoleMX, otelmail.Conn{})
	command := session.Command(mailconv.SMTPData)
	message, queueing := tel.Queue.Enqueue(command.Context(), otelmail.MessageFacts{QueueID: "Q7XK2"})
	queueing.End(otelmail.CauseNone)
	command.End(otelmail.Reply{Code: 250})
	session.End(otelmail.CauseNone)

	facts := otelmail.MessageFacts{QueueID: "Q7XK2"}
	work := tel.Queue.Dequeue(ctx, message, facts) // hours later, or after a restart
	processing := tel.Mail.Process(work.Context(), facts)
	tel.Mail.Stage(processing.Context(), "spam-filter", facts).End(otelmail.StageContinue, otelmail.CauseNone)
	processing.End(otelmail.FateQueued, otelmail.CauseNone)
	tel.Delivery.Attempt(work.Context(), message.Attempt(otelmail.TransportSMTP, "example.net")).End(otelmail.Reply{Code: 451})
	work.End(otelmail.CauseNone)
	if err := tel.Shutdown(ctx); err != nil {
		log.Fatal(err)
	}

	spans := recorder.Ended()
	slices.SortFunc(spans, func(a, b sdktrace.ReadOnlySpan) int { return a.StartTime().Compare(b.StartTime()) })
	depth := map[trace.SpanID]int{}
	for _, s := range spans {
		if s.Parent().IsValid() {
			depth[s.SpanContext().SpanID()] = depth[s.Parent().SpanID()] + 1
		}
		fmt.Println(strings.Repeat("  ", depth[s.SpanContext().SpanID()]) + s.Name())
	}
	// Output:
	// SMTP session
	//   SMTP DATA
	//     queue enqueue
	//       queue dequeue
	//         mail process
	//           mailet spam-filter
	//         deliver smtp
}
