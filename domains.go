package otelmail

import (
	"strings"

	"go.opentelemetry.io/otel/attribute"

	"github.com/rusmes/otelmail/catalog"
	"github.com/rusmes/otelmail/internal/clean"
	"github.com/rusmes/otelmail/internal/count"
)

var messagesPerDomain = define(catalog.Metric{
	Name: "messages_per_domain_total", Kind: catalog.Counter, Unit: "{message}", Fleet: catalog.SumOfShown,
	Help: "Messages accepted, by recipient domain; a message counts once for each of its domains",
	Rise: "Mail for a domain grows. A sudden rise of one domain is a mailing, a loop or an attack on it; a rise of `_other` alone means mail for more domains than are shown, or random domains.",
	Labels: []catalog.Label{{Key: "domain",
		Help: "The recipient domain in lower-case ASCII (IDNA), or `_other` for every domain that is not among the busiest and for every invalid one"}},
})

// domains counts messages by recipient domain.
type domains struct{ *count.Busiest[labelSet] }

func newDomains(b *binder, limit int, pinned []string) domains {
	key := messagesPerDomain.Labels[0].Key
	d := domains{count.NewBusiest(limit, pinned, clean.OtherDomain, func(domain string) labelSet {
		return newLabelSet(attribute.String(key, domain))
	})}
	b.each(messagesPerDomain, d.Each, one(d.Load))
	return d
}

// addMessage counts one accepted message once for each distinct domain.
func (d domains) addMessage(recipients []string) {
	if d.Busiest == nil || d.Off() {
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
			d.Add(domain)
		}
	}
}

// addAddress counts one message for an address's domain. What follows the "@" is
// first looked up unchanged: only clean names are shown, so a domain that is found
// needs no cleaning.
func (d domains) addAddress(address string) {
	if at := strings.LastIndexByte(address, '@'); at >= 0 && d.AddShown(address[at+1:]) {
		return
	}
	d.Add(clean.DomainOf(address))
}
