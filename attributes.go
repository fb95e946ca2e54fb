package otelmail

import (
	"crypto/tls"
	"net"
	"net/netip"
	"strings"
	"sync"

	"go.opentelemetry.io/otel/attribute"
	semconv "go.opentelemetry.io/otel/semconv/v1.43.0"
	"go.opentelemetry.io/otel/trace"

	"github.com/rusmes/otelmail/internal/clean"
	"github.com/rusmes/otelmail/mailconv"
)

// attributes are on their way to a span or an event, each as far as the privacy policy
// allows. describe takes them from a pool and set returns them, because a slice passed to
// a span cannot stay on the stack; spans and log records copy it.
type attributes struct {
	*redactor
	span  trace.Span
	list  []attribute.KeyValue
	space [16]attribute.KeyValue // where list mostly fits
}

var spareAttributes = sync.Pool{New: func() any { return new(attributes) }}

// describe begins the attributes of a span that records. End them with set:
//
//	t.describe(span).user(user).text(key, value).set()
//
// Those of an event are begun with nil, and end with [tracer.tell].
func (r *redactor) describe(span trace.Span) *attributes {
	a := spareAttributes.Get().(*attributes)
	a.redactor, a.span, a.list = r, span, a.space[:0]
	return a
}

// set puts the attributes on the span. They must not be used afterwards.
func (a *attributes) set() {
	a.span.SetAttributes(a.list...)
	a.release()
}

// release returns the attributes to the pool.
func (a *attributes) release() {
	clear(a.space[:min(len(a.list), len(a.space))]) // strings of a stranger's mail are not kept alive
	a.span, a.list = nil, nil
	spareAttributes.Put(a)
}

// add adds an attribute that every policy allows.
func (a *attributes) add(kv attribute.KeyValue) *attributes {
	a.list = append(a.list, kv)
	return a
}

// user is who was authenticated or named.
func (a *attributes) user(user string) *attributes {
	if user == "" || a.policy == PrivacyNone {
		return a
	}
	if a.policy == PrivacyFull {
		a.add(semconv.UserID(a.clean(user, maxAddress)))
	}
	return a.add(semconv.UserHash(a.hash(clean.Address(user))))
}

// address is a sender or recipient, under the given keys.
func (a *attributes) address(keys mailconv.AddressKeys, address string) *attributes {
	if address == "" || a.policy == PrivacyNone {
		return a
	}
	if a.policy == PrivacyFull {
		a.add(keys.Address.String(a.clean(address, maxAddress)))
	}
	if a.policy != PrivacyHash {
		a.add(keys.Domain.String(clean.DomainOf(address)))
	}
	return a.add(keys.Hash.String(a.hash(clean.Address(address))))
}

// domain is a destination.
func (a *attributes) domain(key attribute.Key, domain string) *attributes {
	if domain == "" || a.policy == PrivacyNone || a.policy == PrivacyHash {
		return a
	}
	return a.add(key.String(clean.Domain(domain)))
}

// secretText is a name or id that may identify a person: it is only kept in
// full under PrivacyFull and hashed otherwise, so that it still correlates.
func (a *attributes) secretText(key attribute.Key, value string) *attributes {
	if value == "" || a.policy == PrivacyNone {
		return a
	}
	if a.policy == PrivacyFull {
		return a.add(key.String(a.clean(value, maxText)))
	}
	return a.add(key.String(a.hash(value)))
}

// openText is free text: it leaves only under PrivacyFull.
func (a *attributes) openText(key attribute.Key, value string, most int) *attributes {
	if value == "" || a.policy != PrivacyFull {
		return a
	}
	return a.add(key.String(a.clean(value, most)))
}

// text is what the server itself chose (a queue id, a stage), bounded all the same.
func (a *attributes) text(key attribute.Key, value string) *attributes {
	if value == "" {
		return a
	}
	return a.add(key.String(a.clean(value, maxText)))
}

// mailbox keeps the names every account has (RFC 6154, RFC 8621 roles) and
// hashes those that a user chose.
func (a *attributes) mailbox(name string) *attributes {
	if a.policy == PrivacyDomain && commonMailbox[strings.ToLower(name)] {
		return a.add(mailconv.IMAPMailbox(name))
	}
	return a.secretText(mailconv.IMAPMailboxKey, name)
}

var commonMailbox = map[string]bool{
	"inbox": true, "sent": true, "drafts": true, "trash": true, "junk": true, "spam": true,
	"archive": true, "outbox": true,
}

// message is what is known of a message.
func (a *attributes) message(f *MessageFacts) *attributes {
	a.text(semconv.MessagingMessageIDKey, f.QueueID)
	a.secretText(mailconv.MessageIDKey, f.MessageID)
	a.address(mailconv.From(), f.Sender)
	a.address(mailconv.To(), f.Recipient)
	a.text(mailconv.DirectionKey, f.Direction.String())
	if f.Size > 0 {
		a.add(semconv.MessagingMessageBodySizeKey.Int64(f.Size))
	}
	return a
}

// reply is how an SMTP command or a delivery ended.
func (a *attributes) reply(r *Reply) *attributes {
	if r.Code >= 200 && r.Code < 600 {
		a.add(mailconv.SMTPStatusCodeKey.Int(r.Code))
	}
	if e := r.Enhanced.String(); e != "" {
		a.add(mailconv.SMTPEnhancedCodeKey.String(e))
	}
	if a.policy == PrivacyFull { // or else every reply would be searched for ends of lines, for nothing
		a.openText(mailconv.SMTPResponseTextKey, oneLine(r.Text), maxReply)
	}
	return a
}

// oneLine is for a reply of several lines (RFC 5321 section 4.2.1): the ends of lines are ours, and no text
// that has to be cleaned. A strings.Replacer would allocate for every text.
func oneLine(text string) string {
	return strings.ReplaceAll(strings.ReplaceAll(text, "\r\n", " "), "\n", " ")
}

// failed is what a failure is told apart by, nothing for none.
func (a *attributes) failed(errorType string) *attributes {
	if errorType == "" {
		return a
	}
	return a.add(semconv.ErrorTypeKey.String(errorType))
}

// destination is where an attempt leads to.
func (a *attributes) destination(about *Attempt) *attributes {
	a.domain(mailconv.RecipientDomainKey, about.Domain)
	if about.Transport.remote() {
		a.add(semconv.NetworkProtocolName(about.Transport.String()))
	}
	if about.Server != "" {
		a.add(semconv.ServerAddress(clean.Domain(about.Server)))
	}
	return a.text(mailconv.TLSPolicyKey, about.TLSPolicy.String())
}

// conn is a connection to our server, at both ends.
func (a *attributes) conn(protocol string, c Conn) *attributes {
	a.add(semconv.NetworkProtocolName(protocol)).add(transport(c))
	return a.client(c.Remote).server(c.Local).tls(c.TLS)
}

// transport is unix over a socket of that kind, else tcp.
func transport(c Conn) attribute.KeyValue {
	for _, addr := range []net.Addr{c.Local, c.Remote} {
		if socket, ok := addr.(*net.UnixAddr); ok && socket != nil {
			return semconv.NetworkTransportUnix
		}
	}
	return semconv.NetworkTransportTCP
}

// client is the far end of a connection to our server.
func (a *attributes) client(addr net.Addr) *attributes {
	ip, port, ok := clean.AddrPort(addr)
	if !ok || a.policy == PrivacyNone || a.policy == PrivacyHash {
		return a
	}
	shown := ip.String()
	if a.policy != PrivacyFull {
		shown = withoutHost(ip)
	}
	a.add(semconv.ClientAddress(shown)).add(semconv.NetworkPeerAddress(shown))
	if a.policy == PrivacyFull && port > 0 {
		a.add(semconv.ClientPort(port)).add(semconv.NetworkPeerPort(port))
	}
	return a
}

// withoutHost is an address whose host bits are zero, which is a valid address still:
// of IPv4 all behind /24, of IPv6 behind /48. Loopback stays as it is: it names no
// person.
func withoutHost(ip netip.Addr) string {
	if ip.IsLoopback() {
		return ip.String()
	}
	bits := 48
	if ip.Is4() {
		bits = 24
	}
	network, err := ip.WithZone("").Prefix(bits)
	if err != nil { // cannot happen with a valid address
		return ""
	}
	return network.Addr().String()
}

// server is the near end of a connection to our server.
func (a *attributes) server(addr net.Addr) *attributes {
	if ip, port, ok := clean.AddrPort(addr); ok {
		a.add(semconv.ServerAddress(ip.String())).add(semconv.ServerPort(port))
	}
	return a
}

// peer is the far end of a connection that we made: a mail server, whose address is
// no secret.
func (a *attributes) peer(addr net.Addr) *attributes {
	if ip, port, ok := clean.AddrPort(addr); ok {
		a.add(semconv.NetworkPeerAddress(ip.String())).add(semconv.NetworkPeerPort(port))
	}
	return a
}

// shownOf is what is shown of a handshake, without the certificates.
func shownOf(state *tls.ConnectionState) *tls.ConnectionState {
	return &tls.ConnectionState{
		Version: state.Version, HandshakeComplete: state.HandshakeComplete,
		DidResume: state.DidResume, CipherSuite: state.CipherSuite,
	}
}

// tls is what a handshake agreed on, nothing for nil.
func (a *attributes) tls(state *tls.ConnectionState) *attributes {
	if state == nil {
		return a
	}
	a.add(semconv.TLSEstablished(state.HandshakeComplete)).add(semconv.TLSResumed(state.DidResume))
	switch state.Version {
	case tls.VersionTLS10:
		a.add(semconv.TLSProtocolVersion("1.0"))
	case tls.VersionTLS11:
		a.add(semconv.TLSProtocolVersion("1.1"))
	case tls.VersionTLS12:
		a.add(semconv.TLSProtocolVersion("1.2"))
	case tls.VersionTLS13:
		a.add(semconv.TLSProtocolVersion("1.3"))
	}
	if state.CipherSuite != 0 {
		a.add(semconv.TLSCipher(tls.CipherSuiteName(state.CipherSuite)))
	}
	return a
}
