// Package mailevent is the table of all mail events: what each is called, when it is
// emitted and what it may carry. The root package emits them, docs/events.md is written
// from it, and a test holds the two together.
package mailevent

import (
	"slices"

	semconv "go.opentelemetry.io/otel/semconv/v1.43.0"

	"github.com/rusmes/otelmail/internal/convention"
	"github.com/rusmes/otelmail/mailconv"
)

// Event is a kind of event.
type Event struct {
	Name string
	// When it is emitted, for the page: the end of a sentence. In braces stand Go variables
	// of the root package, for the names of the series that they define.
	When string
	// Uses are the attributes that it may have, in the order of the page.
	Uses []convention.Use
}

var all []*Event

func define(name, when string, uses ...[]convention.Use) *Event {
	e := &Event{name, when, slices.Concat(uses...)}
	all = append(all, e)
	return e
}

// All returns the events in the order of a message's life.
func All() []*Event { return all }

// Events come from clients and from the pipeline, and carry what there is of either.
const (
	byServer = "The server refuses, rather than the pipeline"
	byReply  = "There was a failure to tell the kind of"
	tried    = "An attempt is deferred, rather than the message by the pipeline"
)

// The events.
var (
	Accepted = define(mailconv.EventAccepted,
		"a message by DATA or BDAT is answered with 2xx, in LMTP for one recipient at least: as often as `{smtpReceived}` counts",
		messageID, parties, known(semconv.MessagingMessageBodySizeKey, mailconv.SMTPRecipientCountKey),
		always(mailconv.SMTPRoleKey), session, reply, connection)
	Rejected = define(mailconv.EventRejected,
		"a connection is turned away, or EHLO, MAIL, RCPT or DATA is answered with 4xx or 5xx, in LMTP for each recipient: as often as `{rejections}` counts. Also when the pipeline refuses a message (`FateRejected`)",
		message, where(byServer, mailconv.RejectionStageKey, mailconv.RejectionReasonKey, mailconv.FaultKey),
		knownWhere("The pipeline refuses", mailconv.StageNameKey),
		waited, where(byServer, mailconv.SMTPRoleKey), session, reply, where(byReply, semconv.ErrorTypeKey), connection)
	Queued = define(mailconv.EventQueued,
		"a message is safely in the queue, a bounce too. A server that queues before it answers says `email.accepted` after it",
		message)
	Attempt = define(mailconv.EventAttempt,
		"an attempt to deliver begins. It ends with one of the next three, unless the process ends before",
		message, attempt)
	Delivered = define(mailconv.EventDelivered,
		"an attempt has succeeded: as often as `{mailDelivered}` counts",
		message, attempt, reply, peer)
	Deferred = define(mailconv.EventDeferred,
		"an attempt ends and is to be made again, or the pipeline puts a message off (`FateDeferred`)",
		message, where(tried, mailconv.TransportKey, mailconv.AttemptKey), waited, destination,
		where(tried, mailconv.ReasonKey), knownWhere("The pipeline defers", mailconv.StageNameKey),
		reply, where(byReply, semconv.ErrorTypeKey), peer)
	Failed = define(mailconv.EventFailed,
		"an attempt ends and is not to be made again",
		message, attempt, always(mailconv.ReasonKey), reply, always(semconv.ErrorTypeKey), peer)
	Bounced = define(mailconv.EventBounced,
		"a bounce (RFC 3464) is generated: as often as `{mailBounced}` counts. The message is the one that bounces",
		message, known(mailconv.StageNameKey), waited)
	Expired = define(mailconv.EventExpired,
		"a message is given up because it has been in the queue, or has been tried, for as long as is allowed",
		message, waited)
	Dropped = define(mailconv.EventDropped,
		"a message is discarded on purpose: as often as `{mailDropped}` counts",
		message, known(mailconv.StageNameKey), waited)
	LoginFailed = define(mailconv.EventLoginFailed,
		"AUTH, LOGIN, AUTHENTICATE, PASS, APOP or a request with credentials does not succeed: as often as `{authAttempts}` counts another result than success",
		always(mailconv.LoginMechanismKey, mailconv.LoginResultKey, mailconv.FaultKey),
		knownWhere("The protocol is SMTP", mailconv.SMTPRoleKey), user, reply,
		where("The protocol is another than HTTP", semconv.ErrorTypeKey), connection)
)
