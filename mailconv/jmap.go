package mailconv

import "go.opentelemetry.io/otel/attribute"

// JMAP (RFC 8620, RFC 8621).
const (
	// JMAPMethodKey is the method name, one of those otelmail knows, or
	// "_OTHER". Example: "Email/get".
	JMAPMethodKey = attribute.Key("jmap.method")
	// JMAPCallIDKey is the method call id (RFC 8620 section 3.2). A client
	// chooses it: hashed unless the policy is PrivacyFull. Example: "58dac16a9c6a4cc0".
	JMAPCallIDKey = attribute.Key("jmap.call_id")
	// JMAPAccountIDKey is the account id (RFC 8620 section 1.6.2): hashed
	// unless the policy is PrivacyFull. Example: "58dac16a9c6a4cc0".
	JMAPAccountIDKey = attribute.Key("jmap.account_id")
	// JMAPRequestIDKey is the server's id of the request that held the call. Example:
	// "r1".
	JMAPRequestIDKey = attribute.Key("jmap.request_id")
)
