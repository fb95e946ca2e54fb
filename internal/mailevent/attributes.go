package mailevent

import (
	"slices"

	"go.opentelemetry.io/otel/attribute"
	semconv "go.opentelemetry.io/otel/semconv/v1.43.0"

	"github.com/rusmes/otelmail/mailconv"
)

// What events have in common.
var (
	message = slices.Concat([]attribute.Key{semconv.MessagingMessageIDKey, mailconv.MessageIDKey, mailconv.DirectionKey},
		parties, []attribute.Key{semconv.MessagingMessageBodySizeKey})
	parties = []attribute.Key{
		mailconv.FromDomainKey, mailconv.FromHashKey, mailconv.FromAddressKey,
		mailconv.ToDomainKey, mailconv.ToHashKey, mailconv.ToAddressKey,
	}
	waited  = []attribute.Key{mailconv.QueueWaitKey}
	attempt = slices.Concat([]attribute.Key{mailconv.TransportKey, mailconv.AttemptKey}, waited,
		[]attribute.Key{mailconv.RecipientDomainKey, semconv.ServerAddressKey, mailconv.TLSPolicyKey, semconv.NetworkProtocolNameKey})
	reply     = []attribute.Key{mailconv.SMTPStatusCodeKey, mailconv.SMTPEnhancedCodeKey, mailconv.SMTPResponseTextKey}
	errorType = []attribute.Key{semconv.ErrorTypeKey}
	tls       = []attribute.Key{semconv.TLSEstablishedKey, semconv.TLSResumedKey, semconv.TLSProtocolVersionKey, semconv.TLSCipherKey}
	peer      = slices.Concat([]attribute.Key{semconv.NetworkPeerAddressKey, semconv.NetworkPeerPortKey}, tls)
	role      = []attribute.Key{mailconv.SMTPRoleKey}
	user      = []attribute.Key{semconv.UserHashKey, semconv.UserIDKey}
	session   = slices.Concat(role, []attribute.Key{mailconv.SMTPHeloKey}, user)

	connection = slices.Concat([]attribute.Key{semconv.NetworkProtocolNameKey, semconv.NetworkTransportKey,
		semconv.ClientAddressKey, semconv.ClientPortKey, semconv.NetworkPeerAddressKey, semconv.NetworkPeerPortKey,
		semconv.ServerAddressKey, semconv.ServerPortKey}, tls)
)

// Meanings say what each attribute is.
var Meanings = map[attribute.Key]string{
	semconv.MessagingMessageIDKey:       "the server's own id of the message, in the queue",
	mailconv.MessageIDKey:               "its Message-ID",
	mailconv.DirectionKey:               "`inbound`, `outbound` or `internal`",
	mailconv.FromDomainKey:              "the sender's domain",
	mailconv.FromHashKey:                "a keyed hash of the sender's address",
	mailconv.FromAddressKey:             "the sender's address",
	mailconv.ToDomainKey:                "the domain of the recipient, where there is one alone",
	mailconv.ToHashKey:                  "a keyed hash of that recipient's address",
	mailconv.ToAddressKey:               "that address",
	semconv.MessagingMessageBodySizeKey: "the message's size in bytes, an int",
	mailconv.SMTPRecipientCountKey:      "how many recipients it was accepted for, an int",
	mailconv.SMTPRoleKey:                "what the listener is for: `mx`, `submission` or `lmtp`",
	mailconv.SMTPHeloKey:                "the name in HELO, EHLO or LHLO",
	semconv.UserHashKey:                 "a keyed hash of the user who has logged in, or tried to",
	semconv.UserIDKey:                   "the user's name",
	mailconv.SMTPStatusCodeKey:          "the reply code, an int; absent where there was no reply",
	mailconv.SMTPEnhancedCodeKey:        "the enhanced status code",
	mailconv.SMTPResponseTextKey:        "the reply's text",
	semconv.NetworkProtocolNameKey:      "`smtp`, `lmtp`, `imap`, `pop3` or `jmap`",
	semconv.NetworkTransportKey:         "`tcp` or `unix`",
	semconv.ClientAddressKey:            "the client",
	semconv.ClientPortKey:               "its port, an int",
	semconv.NetworkPeerAddressKey:       "the other end of the connection: the client, or the server that was connected to",
	semconv.NetworkPeerPortKey:          "its port, an int",
	semconv.ServerAddressKey:            "the address of the listener; of an attempt the other server's name",
	semconv.ServerPortKey:               "the listener's port, an int",
	semconv.TLSEstablishedKey:           "whether the handshake was completed, a boolean; absent without TLS",
	semconv.TLSResumedKey:               "whether it resumed an earlier session, a boolean",
	semconv.TLSProtocolVersionKey:       "`1.0` to `1.3`",
	semconv.TLSCipherKey:                "the cipher suite",
	mailconv.RejectionStageKey:          "how far the dialogue had come: `connect`, `helo`, `mail`, `rcpt` or `data`",
	mailconv.RejectionReasonKey:         "why, as [fault.md](fault.md) decides it",
	mailconv.FaultKey:                   "whose fault: `ours` or `theirs`, by the same table",
	mailconv.StageNameKey:               "the stage of the pipeline that decided it",
	semconv.ErrorTypeKey:                "the enhanced status code, else the reply code, else what broke, as [spans.md](spans.md#failures) has it",
	mailconv.TransportKey:               "`smtp`, `lmtp` or `local`",
	mailconv.AttemptKey:                 "the number of the attempt, from 1, an int",
	mailconv.QueueWaitKey:               "how long the message has been in the queue, in seconds, a double",
	mailconv.RecipientDomainKey:         "the destination",
	mailconv.TLSPolicyKey:               "what the attempt asks of TLS",
	mailconv.ReasonKey:                  "why, as [fault.md](fault.md) decides it",
	mailconv.LoginMechanismKey:          "the SASL mechanism, the command of IMAP or POP3, or the scheme of HTTP; else `_OTHER`",
	mailconv.LoginResultKey:             "`failure`: the credentials, or the mechanism, were refused; `error`: the server could not tell; `aborted`: the client gave up or left",
}
