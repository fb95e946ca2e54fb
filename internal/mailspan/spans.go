// Package mailspan is the table of all spans: what each is called, of what kind it is, what
// begins it and what it carries. docs/spans.md and the registry are written from it, and
// tests hold it against what the code records.
package mailspan

import (
	"slices"

	semconv "go.opentelemetry.io/otel/semconv/v1.43.0"
	"go.opentelemetry.io/otel/trace"

	"github.com/rusmes/otelmail/internal/convention"
	"github.com/rusmes/otelmail/mailconv"
)

// Span is a kind of span.
type Span struct {
	// ID is what the registry calls it.
	ID string
	// Name has attributes in braces, in whose places their values stand.
	Name    string
	Example string // a name of that pattern; "" where the pattern is one
	Kind    trace.SpanKind
	Brief   string // what it is the span of: a sentence without a full stop
	Begins  string // with what, for the page
	Parent  string // for the page
	Links   string // what it is linked to, for the page; "" where it has no links
	Uses    []convention.Use
}

// All returns the spans in the order of the page.
func All() []Span { return slices.Clone(all) }

// How far one can rely on an attribute, in few words.
var (
	always     = convention.Always
	where      = convention.Where
	known      = convention.Known
	knownWhere = convention.KnownWhere
	onRequest  = convention.OnRequest
)

// What spans have in common.
var (
	tls        = known(semconv.TLSEstablishedKey, semconv.TLSResumedKey, semconv.TLSProtocolVersionKey, semconv.TLSCipherKey)
	client     = slices.Concat(known(semconv.ClientAddressKey), onRequest(semconv.ClientPortKey), known(semconv.NetworkPeerAddressKey), onRequest(semconv.NetworkPeerPortKey))
	server     = known(semconv.ServerAddressKey, semconv.ServerPortKey)
	connection = slices.Concat(always(semconv.NetworkProtocolNameKey, semconv.NetworkTransportKey), client, server, tls)
	user       = slices.Concat(known(semconv.UserHashKey), onRequest(semconv.UserIDKey))
	from       = slices.Concat(known(mailconv.FromDomainKey, mailconv.FromHashKey), onRequest(mailconv.FromAddressKey))
	to         = slices.Concat(known(mailconv.ToDomainKey, mailconv.ToHashKey), onRequest(mailconv.ToAddressKey))
	message    = slices.Concat(known(semconv.MessagingMessageIDKey, mailconv.MessageIDKey, mailconv.DirectionKey), from, to,
		known(semconv.MessagingMessageBodySizeKey))
	reply      = slices.Concat(where("There was a reply", mailconv.SMTPStatusCodeKey), known(mailconv.SMTPEnhancedCodeKey), onRequest(mailconv.SMTPResponseTextKey))
	failure    = where("The status is Error", semconv.ErrorTypeKey)
	jmap       = slices.Concat(always(mailconv.JMAPMethodKey), known(mailconv.JMAPCallIDKey, mailconv.JMAPAccountIDKey, mailconv.JMAPRequestIDKey), failure)
	notGivenUp = "The client waited for the reply"
	fleetLink  = "the span of the server that sent the message, by `fleet.Link` or `fleet.Continue`"
)

var all = []Span{
	{
		ID: "smtp.session", Name: "SMTP session", Kind: trace.SpanKindInternal,
		Brief:  "A connection by SMTP, LMTP or submission, from the greeting to its end",
		Begins: "`SMTP.Session`", Parent: "the context given", Links: fleetLink,
		Uses: slices.Concat(always(mailconv.SMTPRoleKey), connection, failure),
	},
	{
		ID: "smtp.command", Name: "SMTP {smtp.command}", Example: "SMTP RCPT", Kind: trace.SpanKindServer,
		Brief:  "An SMTP, LMTP or submission command, from the command to the reply",
		Begins: "`session.Command`; a message by BDAT has one from its first chunk on", Parent: "the session", Links: fleetLink,
		Uses: slices.Concat(always(mailconv.SMTPCommandKey), reply,
			knownWhere("The command is DATA or BDAT", mailconv.SMTPRecipientCountKey, semconv.MessagingMessageIDKey),
			knownWhere("The command is AUTH", mailconv.SMTPAuthMechanismKey),
			onRequest(mailconv.SMTPHeloKey), user, from, to, failure),
	},
	{
		ID: "imap.command", Name: "IMAP {imap.command}", Example: "IMAP FETCH", Kind: trace.SpanKindServer,
		Brief:  "An IMAP command, from the command to the tagged reply; of IDLE what follows the client's DONE",
		Begins: "`session.Command`", Parent: "the context given: no span covers an IMAP session, which may last for days",
		Uses: slices.Concat(always(mailconv.IMAPCommandKey), where(notGivenUp, mailconv.IMAPStatusKey),
			known(mailconv.IMAPStateKey, mailconv.IMAPMailboxKey), user, connection, failure),
	},
	{
		ID: "pop3.session", Name: "POP3 session", Kind: trace.SpanKindInternal,
		Brief:  "A connection by POP3, from the greeting to its end",
		Begins: "`POP3.Session`", Parent: "the context given",
		Uses: slices.Concat(connection, failure),
	},
	{
		ID: "pop3.command", Name: "POP3 {pop3.command}", Example: "POP3 RETR", Kind: trace.SpanKindServer,
		Brief:  "A POP3 command, from the command to the end of the reply",
		Begins: "`session.Command`", Parent: "the session",
		Uses: slices.Concat(always(mailconv.POP3CommandKey, mailconv.POP3StatusKey), user, failure),
	},
	{
		ID: "jmap.http_request", Name: "{http.request.method} {http.route}", Example: "POST /jmap/api", Kind: trace.SpanKindServer,
		Brief:  "An HTTP request to the JMAP server, by OpenTelemetry's conventions for HTTP servers, without what would give ids away",
		Begins: "`oteljmap.Wrap`", Parent: "the context of the request, see [below](#jmap-requests)", Links: "the `traceparent` of the request, unless it is the parent",
		Uses: slices.Concat(always(semconv.HTTPRequestMethodKey, semconv.URLSchemeKey), known(semconv.HTTPRouteKey),
			where("There was an answer", semconv.HTTPResponseStatusCodeKey), known(semconv.NetworkProtocolVersionKey), client, server, tls,
			where("The request failed", semconv.ErrorTypeKey)),
	},
	{
		ID: "jmap.call", Name: "JMAP {jmap.method}", Example: "JMAP Email/get", Kind: trace.SpanKindInternal,
		Brief:  "A JMAP method call within an HTTP request",
		Begins: "`request.Call`", Parent: "the HTTP server span of the request",
		Uses: jmap,
	},
	{
		ID: "jmap.request", Name: "JMAP {jmap.method}", Example: "JMAP Email/get", Kind: trace.SpanKindServer,
		Brief:  "A JMAP method call that came by no HTTP request with a span",
		Begins: "`request.Call`, where the request has no HTTP span", Parent: "the context given",
		Uses: jmap,
	},
	{
		ID: "queue.enqueue", Name: "queue enqueue", Kind: trace.SpanKindProducer,
		Brief:  "Putting a message into the queue, until it is safely stored",
		Begins: "`Queue.Enqueue`", Parent: "the command that accepted the message; by `fleet.Continue` the attempt on the server that sent it", Links: fleetLink,
		Uses: slices.Concat(message, failure),
	},
	{
		ID: "queue.dequeue", Name: "queue dequeue", Kind: trace.SpanKindConsumer,
		Brief:  "Work on a message from the queue",
		Begins: "`Queue.Dequeue`", Parent: "the stored `queue enqueue`; none [from the age of `WithQueueLinkAfter` on](#one-message-one-trace-or-several)",
		Links: "the stored `queue enqueue`; the span in the context given",
		Uses:  slices.Concat(always(mailconv.QueueWaitKey), message, failure),
	},
	{
		ID: "mail.process", Name: "mail process", Kind: trace.SpanKindInternal,
		Brief:  "A message's way through the pipeline",
		Begins: "`Mail.Process`", Parent: "`queue dequeue`",
		Uses: slices.Concat(always(mailconv.FateKey), message, failure),
	},
	{
		ID: "mail.stage", Name: "mailet {email.stage.name}", Example: "mailet spam-filter", Kind: trace.SpanKindInternal,
		Brief:  "A stage of the pipeline, a mailet, at work on a message; the names of the first 100 stages stand in the span's, then `_OTHER`",
		Begins: "`Mail.Stage`", Parent: "`mail process`",
		Uses: slices.Concat(always(mailconv.StageNameKey, mailconv.StageResultKey), message, failure),
	},
	{
		ID: "push", Name: "push", Kind: trace.SpanKindClient,
		Brief:  "An attempt to deliver a Web Push notification (RFC 8030)",
		Begins: "`WebPush.Attempt`", Parent: "the context given",
		Uses: slices.Concat(known(semconv.ServerAddressKey), where("There was an answer", semconv.HTTPResponseStatusCodeKey),
			where("The status is Error", mailconv.PushFinalKey), failure),
	},
	{
		ID: "delivery.attempt", Name: "deliver {email.delivery.transport}", Example: "deliver smtp", Kind: trace.SpanKindClient,
		Brief:  "An attempt to deliver a message to a destination",
		Begins: "`Delivery.Attempt`", Parent: "`queue dequeue`, or the context given",
		Links: "the stored span of `Attempt.Queue`",
		Uses: slices.Concat(always(mailconv.TransportKey, mailconv.AttemptKey, mailconv.OutcomeKey),
			where("The outcome is not `delivered`", mailconv.ReasonKey), known(mailconv.RecipientDomainKey, mailconv.TLSPolicyKey),
			where("TLS failed", mailconv.TLSFailureKey), known(semconv.ServerAddressKey, semconv.NetworkPeerAddressKey, semconv.NetworkPeerPortKey),
			where("The transport is not `local`", semconv.NetworkProtocolNameKey), tls, reply, message, failure),
	},
}
