package mailconv

import "go.opentelemetry.io/otel/attribute"

// SMTP, LMTP and submission (RFC 5321, RFC 2033, RFC 6409).
const (
	// SMTPCommandKey is the verb in upper case: one of those otelmail knows, or
	// "_OTHER". Example: "RCPT".
	SMTPCommandKey = attribute.Key("smtp.command")
	// SMTPStatusCodeKey is the reply code (RFC 5321 section 4.2), an int.
	// Example: 550.
	SMTPStatusCodeKey = attribute.Key("smtp.response.status_code")
	// SMTPEnhancedCodeKey is the enhanced status code (RFC 3463), when the
	// reply has one. Example: "5.1.1".
	SMTPEnhancedCodeKey = attribute.Key("smtp.response.enhanced_code")
	// SMTPResponseTextKey is the reply's text, of several lines with spaces between. Opt-in:
	// PrivacyFull only. Example: "5.1.1 no such user".
	SMTPResponseTextKey = attribute.Key("smtp.response.text")
	// SMTPRoleKey is what the listener is for: "mx", "submission", "lmtp" or "_OTHER".
	SMTPRoleKey = attribute.Key("smtp.role")
	// SMTPRecipientCountKey is the number of accepted recipients, an int.
	SMTPRecipientCountKey = attribute.Key("smtp.recipient.count")
	// SMTPAuthMechanismKey is the SASL mechanism, or "_OTHER". Example: "PLAIN".
	SMTPAuthMechanismKey = attribute.Key("smtp.auth.mechanism")
	// SMTPHeloKey is the name the client gave in HELO, EHLO or LHLO. Opt-in:
	// PrivacyFull only. Example: "mail.example.org".
	SMTPHeloKey = attribute.Key("smtp.helo")
)
