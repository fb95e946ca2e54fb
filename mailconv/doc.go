// Package mailconv names the attributes of mail telemetry for which
// OpenTelemetry has no convention yet. Where OpenTelemetry has a stable name
// (network.*, client.*, server.*, error.type, user.*, messaging.message.*),
// that one is used and is not listed here. email.* follows the Elastic Common
// Schema where it has a field, but email.from.* and email.to.* are the envelope's
// (RFC 5321 section 2.3.1), not the header's.
package mailconv
