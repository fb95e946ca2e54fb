package otelmail

import (
	"math"
	"strings"
	"sync"
	"sync/atomic"

	"go.opentelemetry.io/otel/attribute"

	"github.com/rusmes/otelmail/internal/clean"
)

var messagesPerDomain = define(Metric{
	Name: "messages_per_domain_total", Kind: Counter, Unit: "{message}",
	Help: "Messages accepted, by recipient domain; a message counts once for each of its domains",
	Rise: "Mail for a domain grows. A sudden rise of one domain is a mailing, a loop or an attack on it; a rise of `_other` alone means mail for more domains than are shown, or random domains.",
	Labels: []Label{{Key: "domain",
		Help: "The recipient domain in lower-case ASCII (IDNA), or `_other` for every domain that is not among the busiest and for every invalid one"}},
})

// domains counts messages by recipient domain. Strangers choose domains, so only
// the busiest are shown by name, up to a limit, beside those that are pinned.
//
// The sum over all is exact at all times, and no series ever falls:
//
//   - While there is room, every domain gets a slot.
//   - Then a domain counts under "_other" and is watched by heavyHitters. Once it
//     has had more messages than the least busy slot shows, it takes the slot
//     over, with its count as it stands: so many of the messages in "_other" were
//     the newcomer's, at least, and these change places with those of the
//     domain that leaves. "_other" does not move, and neither does the sum.
//   - What the least busy slot shows never falls. So a domain that comes back
//     shows no less than when it left, and Prometheus never sees a reset.
type domains struct {
	limit   int
	key     string
	other   slot
	known   atomic.Pointer[map[string]*slot] // copied on write: reads take no lock
	slots   atomic.Pointer[[]*slot]          // grows only
	pinned  int
	mu      sync.Mutex       // guards what follows, and writes to the above
	fresh   map[string]*slot // not yet in known
	watched *heavyHitters
	least   int64 // what the least busy slot has shown when last looked at: a lower bound
}

// slot is one series. Which domain it shows may change, its count only grows.
// It is not spread over cells: no single domain is that busy, and there are many.
type slot struct {
	n     atomic.Int64
	shown atomic.Pointer[shownDomain]
}

type shownDomain struct {
	domain string
	pinned bool
	labels labelSet
}

func newDomains(b *binder, limit int, pinned []string) *domains {
	d := &domains{limit: limit, key: messagesPerDomain.Labels[0].Key,
		fresh: map[string]*slot{}, watched: newHeavyHitters(max(4*limit, 1000))}
	d.other.shown.Store(d.show(clean.OtherDomain, true))
	known := map[string]*slot{}
	slots := []*slot{}
	for _, domain := range pinned {
		if known[domain] == nil {
			s := &slot{}
			s.shown.Store(d.show(domain, true))
			known[domain] = s
			slots = append(slots, s)
		}
	}
	d.pinned = len(slots)
	d.known.Store(&known)
	d.slots.Store(&slots)
	b.each(messagesPerDomain, d.each, d.read)
	return d
}

func (d *domains) show(domain string, pinned bool) *shownDomain {
	return &shownDomain{domain, pinned, newLabelSet(attribute.String(d.key, domain))}
}

// off reports that the series is not kept at all.
func (d *domains) off() bool { return d.limit == 0 && d.pinned == 0 }

// addMessage counts one accepted message once for each distinct domain.
func (d *domains) addMessage(recipients []string) {
	if d.off() {
		return
	}
	if len(recipients) == 1 {
		d.addAddress(recipients[0])
		return
	}
	seen := make(map[string]struct{}, min(len(recipients), 64))
	for _, r := range recipients {
		domain := clean.DomainOf(r)
		if _, again := seen[domain]; !again {
			seen[domain] = struct{}{}
			d.add(domain)
		}
	}
}

// addAddress counts one message for an address's domain. What follows the "@" is
// looked up as it stands first: the map holds clean names only, so a domain that
// is found there needs no cleaning.
func (d *domains) addAddress(address string) {
	if at := strings.LastIndexByte(address, '@'); at >= 0 {
		if s := d.lookup(address[at+1:]); s != nil {
			s.n.Add(1)
			return
		}
	}
	d.add(clean.DomainOf(address))
}

// add counts one message for a domain that has passed the door.
func (d *domains) add(domain string) {
	s := d.lookup(domain)
	switch {
	case s != nil:
	case domain == clean.OtherDomain:
		s = &d.other
	default:
		s = d.admit(domain)
	}
	s.n.Add(1)
}

// lookup finds the slot that shows a domain. The map may still name a slot that
// has changed hands.
func (d *domains) lookup(domain string) *slot {
	if s := (*d.known.Load())[domain]; s != nil && s.shown.Load().domain == domain {
		return s
	}
	return nil
}

// admit returns the slot of a domain that is not in the map: a new one, one that
// it takes over, or that of all others.
func (d *domains) admit(domain string) *slot {
	d.mu.Lock()
	defer d.mu.Unlock()
	if s := d.fresh[domain]; s != nil && s.shown.Load().domain == domain {
		return s
	}
	if s := d.lookup(domain); s != nil {
		return s
	}
	if len(*d.slots.Load()) < d.limit+d.pinned {
		s := &slot{}
		d.place(domain, s)
		slots := append(*d.slots.Load(), s)
		d.slots.Store(&slots)
		return s
	}
	atLeast := d.watched.add(domain, strings.Clone)
	if atLeast <= d.least {
		return &d.other
	}
	s, count := d.leastBusy()
	if d.least = count; s == nil || atLeast <= count {
		return &d.other
	}
	// This message is among those watched. It counts under "_other" like the
	// others that the newcomer had there; the next one counts in the slot.
	d.watched.remove(domain)
	d.place(domain, s)
	return &d.other
}

// place has a slot show a domain, under a name of its own: the caller's may be a
// slice of a whole address or more.
func (d *domains) place(domain string, s *slot) {
	domain = strings.Clone(domain)
	s.shown.Store(d.show(domain, false))
	d.fresh[domain] = s
	known := *d.known.Load()
	if len(d.fresh) <= len(known)/8 {
		return // the map is not copied for every newcomer
	}
	grown := make(map[string]*slot, len(known)+len(d.fresh))
	for _, m := range []map[string]*slot{known, d.fresh} {
		for name, s := range m {
			if s.shown.Load().domain == name {
				grown[name] = s
			}
		}
	}
	d.known.Store(&grown)
	clear(d.fresh)
}

// leastBusy returns the slot with the smallest count that is not pinned.
func (d *domains) leastBusy() (least *slot, count int64) {
	count = math.MaxInt64
	for _, s := range *d.slots.Load() {
		if n := s.n.Load(); n < count && !s.shown.Load().pinned {
			least, count = s, n
		}
	}
	return least, count
}

func (d *domains) each(observe func(int64, labelSet)) {
	if d.off() {
		return
	}
	for _, s := range *d.slots.Load() {
		observe(s.n.Load(), s.shown.Load().labels)
	}
	observe(d.other.n.Load(), d.other.shown.Load().labels)
}

func (d *domains) read(domain string) (int64, bool) {
	if domain == clean.OtherDomain {
		return d.other.n.Load(), true
	}
	for _, s := range *d.slots.Load() {
		if s.shown.Load().domain == domain {
			return s.n.Load(), true
		}
	}
	return 0, false
}
