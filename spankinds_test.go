package otelmail_test

import (
	"testing"

	"go.opentelemetry.io/otel/trace"

	"github.com/rusmes/otelmail"
	"github.com/rusmes/otelmail/mailconv"
)

// TestOneServerSpanAlongAPath: from a span up to the root of its trace at most one is
// SERVER, so that a service graph, and metrics made of spans, count a request once.
func TestOneServerSpanAlongAPath(t *testing.T) {
	rec := recorded(t)
	tel := rec.Tel
	ctx := t.Context()
	smtp := tel.SMTP.Session(ctx, otelmail.RoleMX, otelmail.Conn{})
	data := smtp.Command(mailconv.SMTPData)
	message, queueing := tel.Queue.Enqueue(data.Context(), otelmail.MessageFacts{})
	queueing.End(otelmail.CauseNone)
	work := tel.Queue.Dequeue(ctx, message, otelmail.MessageFacts{})
	processing := tel.Mail.Process(work.Context(), otelmail.MessageFacts{})
	tel.Mail.Stage(processing.Context(), "spam-filter", otelmail.MessageFacts{}).End(otelmail.StageContinue, otelmail.CauseNone)
	processing.End(otelmail.FateQueued, otelmail.CauseNone)
	tel.Delivery.Attempt(work.Context(), message.Attempt(otelmail.TransportSMTP, "one.example")).End(otelmail.Reply{Code: 250})
	work.End(otelmail.CauseNone)
	data.End(otelmail.Reply{Code: 250})
	smtp.End(otelmail.CauseNone)

	pop3 := tel.POP3.Session(ctx, otelmail.Conn{})
	pop3.Command(mailconv.POP3Stat).End(otelmail.POP3Reply{OK: true})
	pop3.End(otelmail.CauseNone)
	tel.IMAP.Session(ctx, otelmail.Conn{}).Command(mailconv.IMAPNoop).End(otelmail.IMAPReply{Result: otelmail.IMAPOK})

	http, span := tel.TracerProvider().Tracer("http").Start(ctx, "POST /jmap/api", trace.WithSpanKind(trace.SpanKindServer))
	request := tel.JMAP.Request(http)
	inner, app := tel.TracerProvider().Tracer("app").Start(http, "the application's own")
	request.Call(inner, otelmail.JMAPFacts{Method: "Email/get"}).End("")
	app.End()
	request.End(false)
	span.End()
	tel.JMAP.Request(ctx).Call(ctx, otelmail.JMAPFacts{Method: "Core/echo"}).End("") // over no HTTP

	rec.Tree(`
		SMTP session [internal]
		  SMTP DATA [server]
		    queue enqueue [producer]
		      queue dequeue [consumer, links to queue enqueue]
		        mail process [internal]
		          mailet spam-filter [internal]
		        deliver smtp [client]
		POP3 session [internal]
		  POP3 STAT [server]
		IMAP NOOP [server]
		POST /jmap/api [server]
		  the application's own [internal]
		    JMAP Email/get [internal]
		JMAP Core/echo [server]`)
}
