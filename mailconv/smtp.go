package mailconv

import "go.opentelemetry.io/otel/attribute"

// SMTP, LMTP and submission (RFC 5321, RFC 2033, RFC 6409).
const (
	// SMTPCommandKey is the verb in upper case: one of those otelmail knows, or
	// "_OTHER". Required on command spans. Example: "RCPT".
	SMTPCommandKey = attribute.Key("smtp.command")
	// SMTPStatusCodeKey is the reply code (RFC 5321 section 4.2), an int.
	// Required once there is a reply. Example: 550.
	SMTPStatusCodeKey = attribute.Key("smtp.response.status_code")
	// SMTPEnhancedCodeKey is the enhanced status code (RFC 3463), when the
	// reply has one. Example: "5.1.1".
	SMTPEnhancedCodeKey = attribute.Key("smtp.response.enhanced_code")
	// SMTPResponseTextKey is the reply's text. Opt-in: PrivacyFull only.
	SMTPResponseTextKey = attribute.Key("smtp.response.text")
	// SMTPRoleKey is "mx", "submission", "lmtp" or "_OTHER". Required on session spans.
	SMTPRoleKey = attribute.Key("smtp.role")
	// SMTPRecipientCountKey is the number of accepted recipients, an int.
	// Recommended on DATA and BDAT spans.
	SMTPRecipientCountKey = attribute.Key("smtp.recipient.count")
	// SMTPAuthMechanismKey is the SASL mechanism, or "_OTHER". Example: "PLAIN".
	SMTPAuthMechanismKey = attribute.Key("smtp.auth.mechanism")
	// SMTPHeloKey is the name the client gave in HELO, EHLO or LHLO. Opt-in:
	// PrivacyFull only.
	SMTPHeloKey = attribute.Key("smtp.helo")
)
