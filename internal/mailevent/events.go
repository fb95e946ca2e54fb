// Package mailevent is the table of all mail events: what each is called, when it is
// emitted and what it may carry. The root package emits them, docs/events.md is written
// from it, and a test holds the two together.
package mailevent

import (
	"slices"

	"go.opentelemetry.io/otel/attribute"
	semconv "go.opentelemetry.io/otel/semconv/v1.43.0"

	"github.com/rusmes/otelmail/mailconv"
)

// Event is a kind of event.
type Event struct {
	Name string
	When string // it is emitted, for the page: the end of a sentence
	// Keys are the attributes that it may have, in the order of the page.
	Keys []attribute.Key
}

var all []*Event

func define(name, when string, keys ...[]attribute.Key) *Event {
	e := &Event{name, when, slices.Concat(keys...)}
	all = append(all, e)
	return e
}

// All returns the events in the order of a message's life.
func All() []*Event { return all }

// The events.
var (
	Accepted = define(mailconv.EventAccepted,
		"a message by DATA or BDAT is answered with 2xx, in LMTP for one recipient at least: as often as `smtp_messages_received_total` counts",
		[]attribute.Key{semconv.MessagingMessageIDKey}, parties, []attribute.Key{semconv.MessagingMessageBodySizeKey, mailconv.SMTPRecipientCountKey},
		session, reply, connection)
	Rejected = define(mailconv.EventRejected,
		"a connection is turned away, or EHLO, MAIL, RCPT or DATA is answered with 4xx or 5xx, in LMTP for each recipient: as often as `rejections_total` counts. Also when the pipeline refuses a message (`FateRejected`)",
		message, []attribute.Key{mailconv.RejectionStageKey, mailconv.RejectionReasonKey, mailconv.FaultKey, mailconv.StageNameKey},
		waited, session, reply, errorType, connection)
	Queued = define(mailconv.EventQueued,
		"a message is safely in the queue, a bounce too. A server that queues before it answers says `email.accepted` after it",
		message)
	Attempt = define(mailconv.EventAttempt,
		"an attempt to deliver begins. It ends with one of the next three, unless the process ends before",
		message, attempt)
	Delivered = define(mailconv.EventDelivered,
		"an attempt has succeeded: as often as `mail_delivered_total` counts",
		message, attempt, reply, peer)
	Deferred = define(mailconv.EventDeferred,
		"an attempt ends and is to be made again, or the pipeline puts a message off (`FateDeferred`)",
		message, attempt, []attribute.Key{mailconv.ReasonKey, mailconv.StageNameKey}, reply, errorType, peer)
	Failed = define(mailconv.EventFailed,
		"an attempt ends and is not to be made again",
		message, attempt, []attribute.Key{mailconv.ReasonKey}, reply, errorType, peer)
	Bounced = define(mailconv.EventBounced,
		"a bounce (RFC 3464) is generated: as often as `mail_bounced_total` counts. The message is the one that bounces",
		message, []attribute.Key{mailconv.StageNameKey}, waited)
	Expired = define(mailconv.EventExpired,
		"a message is given up because it has been in the queue, or has been tried, for as long as is allowed",
		message, waited)
	Dropped = define(mailconv.EventDropped,
		"a message is discarded on purpose: as often as `mail_dropped_total` counts",
		message, []attribute.Key{mailconv.StageNameKey}, waited)
	LoginFailed = define(mailconv.EventLoginFailed,
		"AUTH, LOGIN, AUTHENTICATE, PASS, APOP or a request with credentials does not succeed: as often as `auth_attempts_total` counts another result than success",
		[]attribute.Key{mailconv.LoginMechanismKey, mailconv.LoginResultKey, mailconv.FaultKey}, role, user, reply, errorType, connection)
)
