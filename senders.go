package otelmail

import (
	"net"
	"net/netip"
	"strings"
	"time"

	"go.opentelemetry.io/otel/attribute"

	"github.com/rusmes/otelmail/catalog"
	"github.com/rusmes/otelmail/internal/clean"
	"github.com/rusmes/otelmail/internal/count"
)

var (
	messagesPerSender = define(catalog.Metric{
		Name: "messages_per_sender_total", Kind: catalog.Counter, Unit: "{message}", Fleet: catalog.SumOfShown,
		Help: "Messages accepted from users who had logged in, by the user's keyed hash; all under _other until WithHashKey gives a key that outlives the process",
		Rise: "A user sends more. A sudden rise of one, above all from more networks than before, is a stolen account: compare the hash with that of your users (user.hash of the spans), and change the password.",
		Labels: []catalog.Label{{Key: "user_hash",
			Help: "The hash of the user's name, as user.hash of the spans: the busiest 100, the rest are `_other`. Without WithHashKey there is `_other` alone: a hash by the process's own key would be another one after each restart; likewise under PrivacyNone"}},
	})
	senderNetworks = define(catalog.Metric{
		Name: "sender_networks", Kind: catalog.Gauge, Unit: "{network}", Fleet: catalog.Max,
		Help: "Client networks that a user's messages came from within the last hour, /24 of IPv4 and /64 of IPv6, up to 250; absent until WithHashKey gives a key that outlives the process",
		Rise: "One account is used from many places at once: it is stolen, and a botnet sends through it. A phone on the move has a few.",
		Labels: []catalog.Label{{Key: "user_hash",
			Help: "The hash of the user's name, of each user that " + messagesPerSender.Name + " shows"}},
	})
)

const (
	shownSenders   = 100
	networksWindow = time.Hour
	mostNetworks   = 250
)

// senders counts messages by the user who sent them.
type senders struct {
	*redactor
	busiest  *count.Busiest[sender] // nil while hashes do not outlive the process
	all      *count.Counter         // then
	networks *count.Recent[netip.Prefix]
}

// sender is a series of one user.
type sender struct {
	hash   string
	labels labelSet
}

func newSender(hash string) sender {
	return sender{hash, newLabelSet(attribute.String(messagesPerSender.Labels[0].Key, hash))}
}

func newSenders(b *binder, r *redactor, lasting bool) *senders {
	s := &senders{redactor: r, networks: count.NewRecent[netip.Prefix](networksWindow, mostNetworks)}
	if !lasting || r.policy == PrivacyNone {
		s.all = count.NewCounter()
		b.observe(messagesPerSender, b.observable(messagesPerSender), s.all, []string{clean.OtherDomain},
			attribute.String(messagesPerSender.Labels[0].Key, clean.OtherDomain))
		b.each(senderNetworks, func(func(int64, labelSet)) {}, one(func(string) (int64, bool) { return 0, false }))
		return s
	}
	s.busiest = count.NewBusiest(shownSenders, nil, clean.OtherDomain, newSender)
	b.each(messagesPerSender, func(observe func(int64, labelSet)) {
		s.busiest.Each(func(n int64, who sender) { observe(n, who.labels) })
	}, one(s.busiest.Load))
	b.beforeCollection(func() { s.networks.Keep(s.busiest.Shown) })
	b.each(senderNetworks, func(observe func(int64, labelSet)) {
		now := time.Now()
		s.busiest.Each(func(_ int64, who sender) {
			if who.hash != clean.OtherDomain {
				observe(int64(s.networks.Distinct(now, who.hash)), who.labels)
			}
		})
	}, one(func(hash string) (int64, bool) {
		return int64(s.networks.Distinct(time.Now(), hash)), s.busiest.Shown(hash)
	}))
	return s
}

// addMessage counts a message that was accepted, if somebody has logged in.
func (s *senders) addMessage(from *session) {
	if s == nil || from == nil {
		return
	}
	user := from.user.Load()
	switch {
	case user == nil:
	case s.busiest == nil:
		s.all.Add(1)
	default:
		hash := s.hash(clean.Address(*user)) // by the key in force
		s.busiest.Add(hash)
		if from.client.IsValid() && s.busiest.Shown(hash) {
			s.networks.Add(time.Now(), hash, from.client)
		}
	}
}

// noteUser notes who has logged in, or does with the command in progress.
func (s *session) noteUser(name string) {
	if s == nil || name == "" {
		return
	}
	if known := s.user.Load(); known == nil || *known != name {
		kept := strings.Clone(name) // the caller's may be a part of a longer text; and only what is new costs an allocation
		s.user.Store(&kept)
	}
}

// noteFailed notes that the AUTH in progress has failed: nobody has logged in, because
// there is no second AUTH after one that succeeded (RFC 4954 section 4).
func (s *session) noteFailed() {
	if s != nil {
		s.user.Store(nil)
	}
}

// networkOf is the network that a client's address stands for, invalid where there is none.
func networkOf(addr net.Addr) netip.Prefix {
	ip, _, ok := clean.AddrPort(addr)
	if !ok {
		return netip.Prefix{}
	}
	bits := 64
	if ip.Is4() {
		bits = 24
	}
	network, err := ip.WithZone("").Prefix(bits)
	if err != nil { // cannot happen with a valid address
		return netip.Prefix{}
	}
	return network
}
