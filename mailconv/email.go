package mailconv

import "go.opentelemetry.io/otel/attribute"

// Messages, their stages and their deliveries.
const (
	// MessageIDKey is the Message-ID header: hashed unless PrivacyFull. Example:
	// "58dac16a9c6a4cc0".
	MessageIDKey = attribute.Key("email.message_id")
	// DirectionKey is which way a message goes: "inbound", "outbound" or "internal".
	DirectionKey = attribute.Key("email.direction")
	// StageNameKey is the name of a mailet, a stage of the pipeline. Example: "spam-filter".
	StageNameKey = attribute.Key("email.stage.name")
	// StageResultKey is how a stage left a message: "continue", "drop", "reject", "defer",
	// "error" or "_OTHER".
	StageResultKey = attribute.Key("email.stage.result")
	// FateKey is how a message left the pipeline: "delivered", "queued",
	// "dropped", "rejected", "deferred", "bounced", "error" or "_OTHER".
	FateKey = attribute.Key("email.fate")
	// TransportKey is what a message is delivered over: "smtp", "lmtp", "local" or "_OTHER".
	TransportKey = attribute.Key("email.delivery.transport")
	// OutcomeKey is how an attempt to deliver ended: "delivered", "deferred", "failed" or "_OTHER".
	OutcomeKey = attribute.Key("email.delivery.outcome")
	// ReasonKey is why an attempt failed: "unknown_user", "address", "mailbox",
	// "mailbox_full", "too_large", "content", "policy", "auth_required",
	// "authentication", "protocol", "network", "tls", "dns", "timeout", "system" or
	// "other", as docs/fault.md decides it.
	ReasonKey = attribute.Key("email.delivery.reason")
	// AttemptKey is the number of the attempt, from 1, an int.
	AttemptKey = attribute.Key("email.delivery.attempt")
	// RecipientDomainKey is the destination domain in lower-case ASCII. Example:
	// "example.org".
	RecipientDomainKey = attribute.Key("email.recipient.domain")
	// TLSPolicyKey is what an attempt to deliver asks of TLS: "none", "opportunistic",
	// "required", "dane" or "mta-sts".
	TLSPolicyKey = attribute.Key("email.tls.policy")
	// TLSFailureKey is why a session with another server did not get the TLS that
	// was asked for: a result type of RFC 8460 section 4.3. Example: "certificate-expired".
	TLSFailureKey = attribute.Key("email.tls.failure")
	// QueueWaitKey is the time a message has spent in the queue so far, in seconds, a
	// double.
	QueueWaitKey = attribute.Key("email.queue.wait")
	// PushFinalKey is whether a failed Web Push notification was given up, a boolean.
	PushFinalKey = attribute.Key("email.push.final")
	// FaultKey is whose fault a refusal is, "ours" or "theirs", as docs/fault.md
	// decides it.
	FaultKey = attribute.Key("email.fault")
	// RejectionStageKey is how far the dialogue had come when mail was refused:
	// "connect", "helo", "mail", "rcpt" or "data".
	RejectionStageKey = attribute.Key("email.rejection.stage")
	// RejectionReasonKey is why mail was refused, in the words of email.delivery.reason.
	RejectionReasonKey = attribute.Key("email.rejection.reason")
)

// Attempts to log in, by any protocol.
const (
	// LoginMechanismKey is how somebody tried to log in: the SASL mechanism, "LOGIN" for IMAP's command, "PASS" or
	// "APOP" for POP3's, "Basic" or "Bearer" for HTTP's scheme, or "_OTHER".
	LoginMechanismKey = attribute.Key("email.login.mechanism")
	// LoginResultKey is how an attempt to log in ended: "failure" where the credentials or
	// the mechanism were refused, "error" where the server could not tell, "aborted" where
	// the client gave up or left.
	LoginResultKey = attribute.Key("email.login.result")
)

// The sender (MAIL FROM) and one recipient (RCPT TO), each in three forms.
const (
	// FromAddressKey is the sender's address. Opt-in: PrivacyFull only. Example:
	// "bob@example.org".
	FromAddressKey = attribute.Key("email.from.address")
	// FromDomainKey is the sender's domain in lower-case ASCII, or "_other". Example:
	// "example.org".
	FromDomainKey = attribute.Key("email.from.domain")
	// FromHashKey is a keyed hash of the sender's address. Example: "58dac16a9c6a4cc0".
	FromHashKey = attribute.Key("email.from.hash")
	// ToAddressKey is the recipient's address. Opt-in: PrivacyFull only. Example:
	// "eve@example.net".
	ToAddressKey = attribute.Key("email.to.address")
	// ToDomainKey is the recipient's domain in lower-case ASCII, or "_other". Example:
	// "example.net".
	ToDomainKey = attribute.Key("email.to.domain")
	// ToHashKey is a keyed hash of the recipient's address. Example: "0c6a4cc058dac16a".
	ToHashKey = attribute.Key("email.to.hash")
)

// AddressKeys are the three forms in which one address can show: the clear
// address (PrivacyFull only), its domain, and a keyed hash of the whole.
type AddressKeys struct{ Address, Domain, Hash attribute.Key }

// From are the keys of the sender, MAIL FROM.
func From() AddressKeys { return AddressKeys{FromAddressKey, FromDomainKey, FromHashKey} }

// To are the keys of one recipient, RCPT TO.
func To() AddressKeys { return AddressKeys{ToAddressKey, ToDomainKey, ToHashKey} }

// Direction is which way a message goes, as [DirectionKey] has it.
type Direction uint8

// The directions. The zero value is a direction that is not known: no attribute.
const (
	Inbound  Direction = iota + 1 // from another organisation to ours
	Outbound                      // from ours to another
	Internal                      // within ours
)

// String returns "inbound", "outbound" or "internal", and "" for all else.
func (d Direction) String() string { return known(d, "inbound", "outbound", "internal") }

// TLSPolicy is what a delivery asks of TLS, as [TLSPolicyKey] has it.
type TLSPolicy uint8

// The policies. The zero value is a policy that is not known: no attribute.
const (
	TLSNone          TLSPolicy = iota + 1 // plaintext only
	TLSOpportunistic                      // where the other side offers it, unauthenticated (RFC 7435)
	TLSRequired                           // authenticated by name: a rule of one's own
	TLSDANE                               // authenticated by a TLSA record (RFC 7672)
	TLSMTASTS                             // authenticated by name: the domain's MTA-STS policy (RFC 8461)
)

// String returns "none", "opportunistic", "required", "dane" or "mta-sts", and "" for all
// else.
func (p TLSPolicy) String() string {
	return known(p, "none", "opportunistic", "required", "dane", "mta-sts")
}

// TLSFailure is why a session with another server did not get the TLS that was asked for,
// as [TLSFailureKey] has it: a result type of RFC 8460 section 4.3.
type TLSFailure uint8

// The failures. The zero value is one that is not known: no attribute.
const (
	StartTLSNotSupported    TLSFailure = iota + 1 // STARTTLS was not offered, or refused
	CertificateHostMismatch                       // of another name
	CertificateExpired                            // has ended, or not begun
	CertificateNotTrusted                         // signed by nobody who is trusted
	ValidationFailure                             // anything else about the handshake
	TLSAInvalid                                   // DANE: a TLSA record that cannot be used
	DNSSECInvalid                                 // DANE: no answer that is authentic
	DANERequired                                  // DANE is configured here, and the domain has no TLSA record
	STSPolicyFetchError                           // MTA-STS: the policy cannot be had
	STSPolicyInvalid                              // MTA-STS: the policy cannot be understood
	STSWebPKIInvalid                              // MTA-STS: the policy's web server has no valid certificate
)

// String returns the result type, such as "certificate-expired", and "" for all else.
func (f TLSFailure) String() string {
	return known(f, "starttls-not-supported", "certificate-host-mismatch", "certificate-expired", "certificate-not-trusted",
		"validation-failure", "tlsa-invalid", "dnssec-invalid", "dane-required",
		"sts-policy-fetch-error", "sts-policy-invalid", "sts-webpki-invalid")
}
