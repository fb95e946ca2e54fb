package registry

import (
	"go.opentelemetry.io/otel/attribute"
	semconv "go.opentelemetry.io/otel/semconv/v1.43.0"
)

// standard are OpenTelemetry's attributes that are used here: with any value, of which only
// the type counts.
var standard = []struct {
	attribute.KeyValue
	Set     []string // what it has here; nil for anything
	Meaning string   // here
}{
	{semconv.MessagingMessageID(""), nil, "the server's own id of the message, in the queue"},
	{semconv.MessagingMessageBodySize(0), nil, "the message's size in bytes"},
	{semconv.NetworkProtocolName(""), []string{"smtp", "lmtp", "imap", "pop3", "jmap"}, "the protocol; submission is smtp"},
	{semconv.NetworkProtocolVersion(""), []string{"1.0", "1.1", "2", "3"}, "the version of HTTP"},
	{semconv.NetworkTransportTCP, []string{"tcp", "unix"}, "what the connection runs over"},
	{semconv.ClientAddress(""), nil, "the client's address, as far as the privacy policy allows"},
	{semconv.ClientPort(0), nil, "its port"},
	{semconv.NetworkPeerAddress(""), nil, "the other end of the connection: the client, or the server that was connected to"},
	{semconv.NetworkPeerPort(0), nil, "its port"},
	{semconv.ServerAddress(""), nil, "the address of the listener; of an attempt the other server's name"},
	{semconv.ServerPort(0), nil, "the listener's port"},
	{semconv.TLSEstablished(true), nil, "whether the handshake was completed; absent without TLS"},
	{semconv.TLSResumed(true), nil, "whether it resumed an earlier session"},
	{semconv.TLSProtocolVersion(""), []string{"1.0", "1.1", "1.2", "1.3"}, "the version of TLS"},
	{semconv.TLSCipher(""), nil, "the cipher suite"},
	{semconv.ErrorTypeOther, nil, "the enhanced status code, else the reply code, else what broke, as [spans.md](spans.md#failures) has it"},
	{semconv.OTelComponentName(""), nil, "the exporter"},
	{semconv.OTelComponentTypeOtlpGRPCSpanExporter, nil, "what kind of exporter it is"},
	{semconv.UserHash(""), nil, "a keyed hash of the user who has logged in, or tried to"},
	{semconv.UserID(""), nil, "the user's name"},
	{semconv.HTTPRequestMethodOther, []string{"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "CONNECT", "OPTIONS", "TRACE", "QUERY", "_OTHER"}, "the method"},
	{semconv.HTTPRoute(""), nil, "the path of the pattern that the request was routed by"},
	{semconv.HTTPResponseStatusCode(0), nil, "the status of the answer"},
	{semconv.URLScheme(""), []string{"http", "https"}, "the scheme"},
}

// typeOf is the name of a value's type.
func typeOf(v attribute.Value) string {
	switch v.Type() {
	case attribute.BOOL:
		return typeBoolean
	case attribute.INT64:
		return typeInt
	case attribute.FLOAT64:
		return typeDouble
	}
	return typeString
}
