package otelmail

import (
	"maps"
	"strings"
	"sync"
	"sync/atomic"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"
)

var messagesPerDomain = define(Metric{
	Name: "messages_per_domain_total", Kind: Counter, Unit: "{message}",
	Help: "Messages accepted, by recipient domain; a message counts once for each of its domains",
	Rise: "Mail for a domain grows. A sudden rise of one domain is a mailing, a loop or an attack on it; a rise of `_other` alone means mail for more domains than are shown, or random domains.",
	Labels: []Label{{Key: "domain",
		Help: "The recipient domain in lower-case ASCII (IDNA), or `_other` for every domain beyond the limit and every invalid one"}},
})

// otherDomain counts what is not shown by name.
const otherDomain = "_other"

// domains counts messages by recipient domain. Strangers choose domains, so the
// first ones seen, up to the limit, are shown by name and all others together:
// a domain that is shown never goes away and never loses a count, and the sum
// over all is exact.
type domains struct {
	limit int
	key   string
	known atomic.Pointer[map[string]*domainCount] // copied on write: reads take no lock
	other *domainCount
	mu    sync.Mutex
}

// domainCount is not spread over cells: no single domain is that busy, and
// there are many of them.
type domainCount struct {
	n       atomic.Int64
	options []metric.ObserveOption
}

func newDomains(b *binder, limit int) *domains {
	d := &domains{limit: limit, key: messagesPerDomain.Labels[0].Key}
	d.known.Store(&map[string]*domainCount{})
	d.other = d.newCount(otherDomain)
	b.each(messagesPerDomain, d.each, d.read)
	return d
}

func (d *domains) newCount(domain string) *domainCount {
	set := attribute.NewSet(attribute.String(d.key, domain))
	return &domainCount{options: []metric.ObserveOption{metric.WithAttributeSet(set)}}
}

// add counts one message for a domain that has passed the door.
func (d *domains) add(domain string) {
	if d.limit == 0 {
		return
	}
	d.count(domain).n.Add(1)
}

// addMessage counts one accepted message once for each distinct domain.
func (d *domains) addMessage(recipients []string) {
	if d.limit == 0 {
		return
	}
	if len(recipients) == 1 {
		d.addAddress(recipients[0])
		return
	}
	seen := make(map[string]struct{}, min(len(recipients), 64))
	for _, r := range recipients {
		domain := domainOf(r)
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
		if c, ok := (*d.known.Load())[address[at+1:]]; ok {
			c.n.Add(1)
			return
		}
	}
	d.add(domainOf(address))
}

func (d *domains) count(domain string) *domainCount {
	known := *d.known.Load()
	if c, ok := known[domain]; ok {
		return c
	}
	if len(known) >= d.limit || domain == otherDomain {
		return d.other
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	known = *d.known.Load()
	if c, ok := known[domain]; ok {
		return c
	}
	if len(known) >= d.limit {
		return d.other
	}
	grown := make(map[string]*domainCount, len(known)+1)
	maps.Copy(grown, known)
	domain = strings.Clone(domain) // it may be a slice of a whole address or more
	c := d.newCount(domain)
	grown[domain] = c
	d.known.Store(&grown)
	return c
}

func (d *domains) each(observe func(int64, []metric.ObserveOption)) {
	if d.limit == 0 {
		return
	}
	for _, c := range *d.known.Load() {
		observe(c.n.Load(), c.options)
	}
	observe(d.other.n.Load(), d.other.options)
}

func (d *domains) read(domain string) (int64, bool) {
	if domain == otherDomain {
		return d.other.n.Load(), true
	}
	c, ok := (*d.known.Load())[domain]
	if !ok {
		return 0, false
	}
	return c.n.Load(), true
}
