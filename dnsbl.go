package otelmail

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strings"
	"time"

	"go.opentelemetry.io/otel/metric"

	"github.com/rusmes/otelmail/catalog"
	"github.com/rusmes/otelmail/internal/clean"
	"github.com/rusmes/otelmail/internal/settings"
)

var (
	dnsblListed = define(catalog.Metric{
		Name: "dnsbl_listed", Kind: catalog.Gauge, Unit: "{address}", Fleet: catalog.Max,
		Help: "How many of our own addresses the DNS block list has",
		Rise: "Others refuse our mail or call it spam. Look for what was sent: " + messagesPerSender.Name + ", then ask the list's owner to remove the address once that has ended.",
		Labels: []catalog.Label{{Key: "zone",
			Help: "The block list, as it was given: at most 50. There from its first answer on"}},
	})
	dnsblLookup = define(catalog.Metric{
		Name: "dnsbl_lookup_duration_seconds", Kind: catalog.Histogram, Unit: "s",
		Help: "How long the lookups of our own addresses in DNS block lists took",
		Rise: "The resolver or the list is slow. `error` and `timeout` mean that it does not answer us at all: many lists refuse public resolvers.",
		Labels: []catalog.Label{
			{Key: "zone", Help: "The block list, as it was given: at most 50"},
			{Key: "result", Values: dnsblResults, Help: "listed; not_listed; timeout; error: no answer, or one that is no listing, such as Spamhaus's 127.255.255.0/24 for a resolver that it refuses"},
		},
		Buckets: dnsBuckets,
	})
)

type dnsblResult uint8

const (
	dnsblIsListed dnsblResult = iota
	dnsblNotListed
	dnsblTimeout
	dnsblError
)

var dnsblResults = []string{"listed", "not_listed", "timeout", "error"}

// BlockLists says which DNS block lists (RFC 5782) are asked for which addresses.
type BlockLists struct {
	Addresses []netip.Addr // our own, as others see them: 1 to 16
	Zones     []string     // such as "zen.spamhaus.org": at most 50 altogether
	// Interval is how often each address is looked up in each zone: a minute at least,
	// 15 minutes for 0. The owners of the lists ask for few.
	Interval time.Duration
	// Resolver is asked; nil is [net.DefaultResolver]. A lookup has 10 s.
	Resolver interface {
		LookupNetIP(ctx context.Context, network, host string) ([]netip.Addr, error)
	}
}

const (
	dnsblInterval  = 15 * time.Minute
	dnsblTime      = 10 * time.Second
	dnsblAddresses = 16
)

// blockLists shows what the lists said.
type blockLists struct {
	listed *named[int64]
	lookup histogram
}

func newBlockLists(b *binder) *blockLists {
	l := &blockLists{listed: &named[int64]{what: "the zone"}, lookup: b.histogram(dnsblLookup)}
	b.each(dnsblListed, l.listed.each, one(l.listed.get))
	return l
}

// WatchBlockLists looks our own addresses up in DNS block lists, at once and then at the
// interval, in the background: dnsbl_listed and dnsbl_lookup_duration_seconds. A zone
// that is given again is asked as the last call says. An error names what is wrong; a
// list that does not answer later goes to the error handler.
func (h *Host) WatchBlockLists(b BlockLists) error {
	h = orEmpty(h)
	if h.sources == nil {
		return nil
	}
	b, err := b.checked()
	if err != nil {
		return fmt.Errorf("otelmail: WatchBlockLists: %w", err)
	}
	for _, zone := range b.Zones {
		if err := h.blockLists.listed.add(dnsblListed.Labels[0].Key, zone); err != nil {
			return fmt.Errorf("otelmail: WatchBlockLists: %w", err)
		}
		options := make([][]metric.RecordOption, len(dnsblResults))
		for i, result := range dnsblResults {
			options[i] = recordOptions(dnsblLookup, zone, result)
		}
		h.sources.poll(dnsblListed, zone, b.Interval, func(ctx context.Context) error {
			return h.blockLists.ask(ctx, b, zone, options)
		})
	}
	return nil
}

// checked is b with its defaults and names in one form.
func (b BlockLists) checked() (BlockLists, error) {
	if len(b.Addresses) < 1 || len(b.Addresses) > dnsblAddresses {
		return b, settings.Invalid("Addresses", fmt.Sprintf("%d addresses", len(b.Addresses)), fmt.Sprintf("1 to %d", dnsblAddresses))
	}
	for i, a := range b.Addresses {
		if !a.IsValid() {
			return b, settings.Invalid(fmt.Sprintf("Addresses[%d]", i), a.String(), "an IP address")
		}
	}
	if b.Interval == 0 {
		b.Interval = dnsblInterval
	}
	if b.Interval < time.Minute {
		return b, settings.Invalid("Interval", b.Interval.String(), "a minute or more")
	}
	if b.Resolver == nil {
		b.Resolver = net.DefaultResolver
	}
	b.Addresses, b.Zones = slices.Clone(b.Addresses), slices.Clone(b.Zones)
	for i, zone := range b.Zones {
		if b.Zones[i] = clean.Domain(zone); b.Zones[i] == clean.OtherDomain {
			return b, settings.Invalid("Zones", zone, "domain names")
		}
	}
	return b, nil
}

// ask looks all addresses up in one zone. The number shown is that of a round in which each of
// them was answered.
func (l *blockLists) ask(ctx context.Context, b BlockLists, zone string, options [][]metric.RecordOption) error {
	var n int64
	var errs []error
	for _, a := range b.Addresses {
		begun := time.Now()
		result, err := lookUp(ctx, b, a, zone)
		if ctx.Err() != nil {
			return ctx.Err() // shut down: it says nothing of the list
		}
		l.lookup.record(ctx, time.Since(begun), options[result]...)
		if result == dnsblIsListed {
			n++
		}
		errs = append(errs, err)
	}
	if err := errors.Join(errs...); err != nil {
		return err
	}
	l.listed.set(zone, n)
	return nil
}

// lookUp asks for one address. An error says that the list has not answered.
func lookUp(ctx context.Context, b BlockLists, address netip.Addr, zone string) (dnsblResult, error) {
	ctx, cancel := context.WithTimeout(ctx, dnsblTime)
	defer cancel()
	// The final dot keeps the search list of the machine out.
	answers, err := b.Resolver.LookupNetIP(ctx, "ip4", reversed(address)+"."+zone+".")
	var failed *net.DNSError
	switch {
	case errors.As(err, &failed) && failed.IsNotFound:
		return dnsblNotListed, nil
	case errors.As(err, &failed) && failed.IsTimeout, errors.Is(err, context.DeadlineExceeded):
		return dnsblTimeout, fmt.Errorf("look an address up: %w", err)
	case err != nil:
		return dnsblError, fmt.Errorf("look an address up: %w", err)
	}
	for _, a := range answers {
		if a = a.Unmap(); dnsblAnswers.Contains(a) && !dnsblRefusals.Contains(a) {
			return dnsblIsListed, nil
		}
	}
	return dnsblError, fmt.Errorf("look an address up: the answer %v is no listing (RFC 5782 section 2.1)", answers)
}

// What a list answers lies in 127.0.0.0/8; a domain that has changed hands answers
// anything. The last of these networks are Spamhaus's and others' errors.
var (
	dnsblAnswers  = netip.MustParsePrefix("127.0.0.0/8")
	dnsblRefusals = netip.MustParsePrefix("127.255.255.0/24")
)

// reversed is an address in the order of the DNS: octets of IPv4, nibbles of IPv6 (RFC
// 5782 sections 2.1 and 2.4).
func reversed(a netip.Addr) string {
	a = a.Unmap()
	var parts []string
	if a.Is4() {
		parts = strings.Split(a.String(), ".")
	} else {
		bytes := a.As16()
		parts = strings.Split(hex.EncodeToString(bytes[:]), "")
	}
	slices.Reverse(parts)
	return strings.Join(parts, ".")
}
