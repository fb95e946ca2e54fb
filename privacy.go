package otelmail

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"hash"
	"net"
	"net/netip"
	"strings"
	"sync"
	"sync/atomic"

	"go.opentelemetry.io/otel/attribute"
	semconv "go.opentelemetry.io/otel/semconv/v1.43.0"

	"github.com/rusmes/otelmail/internal/clean"
	"github.com/rusmes/otelmail/mailconv"
)

// Privacy says what of addresses, names and ids may leave the process on spans
// and logs. Labels of metrics never hold more than a domain.
type Privacy uint8

// The privacy policies. In each, user.hash and the hashed ids are keyed
// (HMAC-SHA-256, see [WithHashKey]): equal values stay recognisable for as
// long as the key lives, and cannot be guessed back without it.
const (
	// PrivacyDomain keeps the domain of an address and hashes the local part
	// away (user.hash); client addresses keep their /24 or /48 prefix; message
	// ids and mailbox names are hashed; HELO names and reply texts are left out.
	PrivacyDomain Privacy = iota
	// PrivacyHash is PrivacyDomain without domains and without client addresses.
	PrivacyHash
	// PrivacyFull keeps everything as it is, in valid UTF-8 of bounded length.
	PrivacyFull
	// PrivacyNone leaves all of it out, hashes too.
	PrivacyNone

	privacyEnd
)

// String returns "domain", "hash", "full" or "none".
func (p Privacy) String() string {
	switch p {
	case PrivacyDomain:
		return "domain"
	case PrivacyHash:
		return "hash"
	case PrivacyFull:
		return "full"
	case PrivacyNone:
		return "none"
	}
	return "unknown"
}

// The bounds of what may stand in one attribute, in bytes.
const (
	maxText    = 256 // a name, an id
	maxReply   = 512 // RFC 5321 section 4.5.3.1.5: a reply line
	maxAddress = 320 // RFC 3696: 64 + 1 + 255
)

// door is the one place where what strangers chose turns into attributes.
type door struct {
	policy Privacy
	self   *self
	macs   atomic.Pointer[sync.Pool] // of the key in force
}

// mac is a keyed hash with room to work in: keying one costs as much as hashing.
type mac struct {
	hash.Hash
	text []byte
	sum  [sha256.Size]byte
}

func newDoor(policy Privacy, key []byte, counts *self) *door {
	if key == nil {
		key = make([]byte, 32)
		_, _ = rand.Read(key) // crypto/rand.Read never returns an error
	}
	d := &door{policy: policy, self: counts}
	d.setKey(key)
	return d
}

func (d *door) setKey(key []byte) {
	d.macs.Store(&sync.Pool{New: func() any { return &mac{Hash: hmac.New(sha256.New, key)} }})
}

// clean is [clean.Text], counted.
func (d *door) clean(s string, most int) string {
	c := clean.Text(s, most)
	switch {
	case c == s:
	case len(s) > most && clean.IsText(s):
		d.self.tooLong.add(1)
	default:
		d.self.notText.add(1)
	}
	return c
}

// hash returns 16 hexadecimal digits: few enough to read, and enough that two
// of a million users collide once in thirty million tries.
func (d *door) hash(s string) string {
	macs := d.macs.Load()
	m := macs.Get().(*mac)
	defer macs.Put(m)
	m.Reset()
	m.text = append(m.text[:0], s...)
	m.Write(m.text)
	return hex.EncodeToString(m.Sum(m.sum[:0])[:8])
}

// user describes an authenticated or named user.
func (d *door) user(attrs []attribute.KeyValue, user string) []attribute.KeyValue {
	if user == "" {
		return attrs
	}
	switch d.policy {
	case PrivacyNone:
		return attrs
	case PrivacyFull:
		attrs = append(attrs, semconv.UserID(d.clean(user, maxAddress)))
	}
	return append(attrs, semconv.UserHash(d.hash(clean.Address(user))))
}

// address describes a sender or recipient under the given keys.
func (d *door) address(attrs []attribute.KeyValue, keys mailconv.AddressKeys, address string) []attribute.KeyValue {
	if address == "" || d.policy == PrivacyNone {
		return attrs
	}
	if d.policy == PrivacyFull {
		attrs = append(attrs, keys.Address.String(d.clean(address, maxAddress)))
	}
	if d.policy != PrivacyHash {
		attrs = append(attrs, keys.Domain.String(clean.DomainOf(address)))
	}
	return append(attrs, keys.Hash.String(d.hash(clean.Address(address))))
}

// domain describes a destination.
func (d *door) domain(attrs []attribute.KeyValue, key attribute.Key, domain string) []attribute.KeyValue {
	if domain == "" || d.policy == PrivacyNone || d.policy == PrivacyHash {
		return attrs
	}
	return append(attrs, key.String(clean.Domain(domain)))
}

// secretText is a name or id that may identify a person: it is only kept in
// full under PrivacyFull and hashed otherwise, so that it still correlates.
func (d *door) secretText(attrs []attribute.KeyValue, key attribute.Key, value string) []attribute.KeyValue {
	if value == "" || d.policy == PrivacyNone {
		return attrs
	}
	if d.policy == PrivacyFull {
		return append(attrs, key.String(d.clean(value, maxText)))
	}
	return append(attrs, key.String(d.hash(value)))
}

// openText is free text that helps only whoever may read everything.
func (d *door) openText(attrs []attribute.KeyValue, key attribute.Key, value string, most int) []attribute.KeyValue {
	if value == "" || d.policy != PrivacyFull {
		return attrs
	}
	return append(attrs, key.String(d.clean(value, most)))
}

// text is what the server itself chose (a queue id, a stage), bounded all the same.
func (d *door) text(attrs []attribute.KeyValue, key attribute.Key, value string) []attribute.KeyValue {
	if value == "" {
		return attrs
	}
	return append(attrs, key.String(d.clean(value, maxText)))
}

// mailbox keeps the names every account has (RFC 6154, RFC 8621 roles) and
// hashes those that a user chose.
func (d *door) mailbox(attrs []attribute.KeyValue, name string) []attribute.KeyValue {
	if d.policy == PrivacyDomain && commonMailbox[strings.ToLower(name)] {
		return append(attrs, mailconv.IMAPMailbox(name))
	}
	return d.secretText(attrs, mailconv.IMAPMailboxKey, name)
}

var commonMailbox = map[string]bool{
	"inbox": true, "sent": true, "drafts": true, "trash": true, "junk": true, "spam": true,
	"archive": true, "outbox": true,
}

// client describes the peer of a server's connection.
func (d *door) client(attrs []attribute.KeyValue, addr net.Addr) []attribute.KeyValue {
	ip, port, ok := addrPort(addr)
	if !ok || d.policy == PrivacyNone || d.policy == PrivacyHash {
		return attrs
	}
	shown := ip.String()
	if d.policy != PrivacyFull {
		shown = prefix(ip)
	}
	attrs = append(attrs, semconv.ClientAddress(shown), semconv.NetworkPeerAddress(shown))
	if d.policy == PrivacyFull && port > 0 {
		attrs = append(attrs, semconv.ClientPort(port), semconv.NetworkPeerPort(port))
	}
	return attrs
}

// prefix is the network of an address: /24 for IPv4, /48 for IPv6. Loopback
// stays as it is: it names no person.
func prefix(ip netip.Addr) string {
	if ip.IsLoopback() {
		return ip.String()
	}
	bits := 48
	if ip.Is4() {
		bits = 24
	}
	p, err := ip.WithZone("").Prefix(bits)
	if err != nil { // not for a valid address
		return ""
	}
	return p.String()
}

// server describes the peer of a client's connection or a listener: a mail
// server, whose address is no secret.
func serverAddress(attrs []attribute.KeyValue, addr net.Addr, peer bool) []attribute.KeyValue {
	ip, port, ok := addrPort(addr)
	if !ok {
		return attrs
	}
	if peer {
		return append(attrs, semconv.NetworkPeerAddress(ip.String()), semconv.NetworkPeerPort(port))
	}
	return append(attrs, semconv.ServerAddress(ip.String()), semconv.ServerPort(port))
}

// addrPort understands TCP addresses; ok is false for sockets of other kinds.
func addrPort(addr net.Addr) (ip netip.Addr, port int, ok bool) {
	switch a := addr.(type) {
	case nil:
		return ip, 0, false
	case *net.TCPAddr:
		if a == nil {
			return ip, 0, false
		}
		ap := a.AddrPort()
		return ap.Addr().Unmap(), int(ap.Port()), ap.IsValid()
	}
	ap, err := netip.ParseAddrPort(addr.String())
	if err != nil {
		return ip, 0, false
	}
	return ap.Addr().Unmap(), int(ap.Port()), true
}
