// Package mailconv names the attributes of mail telemetry for which
// OpenTelemetry has no convention yet. Where OpenTelemetry has a stable name
// (network.*, client.*, server.*, error.type, user.*, messaging.message.*),
// that one is used and is not listed here. email.* follows the Elastic Common
// Schema where it has a field.
package mailconv
