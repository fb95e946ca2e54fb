package mailevent

import (
	"slices"

	semconv "go.opentelemetry.io/otel/semconv/v1.43.0"

	"github.com/rusmes/otelmail/internal/convention"
	"github.com/rusmes/otelmail/mailconv"
)

// How far one can rely on an attribute, in few words.
var (
	always     = convention.Always
	where      = convention.Where
	known      = convention.Known
	knownWhere = convention.KnownWhere
	onRequest  = convention.OnRequest
)

// What events have in common.
var (
	messageID = known(semconv.MessagingMessageIDKey)
	parties   = slices.Concat(known(mailconv.FromDomainKey, mailconv.FromHashKey), onRequest(mailconv.FromAddressKey),
		known(mailconv.ToDomainKey, mailconv.ToHashKey), onRequest(mailconv.ToAddressKey))
	message = slices.Concat(messageID, known(mailconv.MessageIDKey, mailconv.DirectionKey),
		parties, known(semconv.MessagingMessageBodySizeKey))
	waited      = known(mailconv.QueueWaitKey)
	destination = slices.Concat(known(mailconv.RecipientDomainKey, semconv.ServerAddressKey, mailconv.TLSPolicyKey),
		knownWhere("The transport is not `local`", semconv.NetworkProtocolNameKey))
	attempt = slices.Concat(always(mailconv.TransportKey, mailconv.AttemptKey), waited, destination)
	reply   = slices.Concat(known(mailconv.SMTPStatusCodeKey, mailconv.SMTPEnhancedCodeKey), onRequest(mailconv.SMTPResponseTextKey))
	tls     = known(semconv.TLSEstablishedKey, semconv.TLSResumedKey, semconv.TLSProtocolVersionKey, semconv.TLSCipherKey)
	peer    = slices.Concat(known(semconv.NetworkPeerAddressKey, semconv.NetworkPeerPortKey), tls)
	user    = slices.Concat(known(semconv.UserHashKey), onRequest(semconv.UserIDKey))
	session = slices.Concat(onRequest(mailconv.SMTPHeloKey), user)

	connection = slices.Concat(known(semconv.NetworkProtocolNameKey, semconv.NetworkTransportKey, semconv.ClientAddressKey),
		onRequest(semconv.ClientPortKey), known(semconv.NetworkPeerAddressKey), onRequest(semconv.NetworkPeerPortKey),
		known(semconv.ServerAddressKey, semconv.ServerPortKey), tls)
)
