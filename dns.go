package otelmail

import (
	"context"
	"errors"
	"net"
	"time"

	"github.com/rusmes/otelmail/catalog"
)

var dnsDuration = define(catalog.Metric{
	Name: "dns_lookup_duration_seconds", Kind: catalog.Histogram, Unit: "s",
	Help:    "How long DNS lookups took",
	Rise:    "The resolver is slow or away: timeout and servfail for all names at once are its own, for some names those of their servers. Mail is late in both directions, and SPF, DKIM and block lists give no answer.",
	Buckets: dnsBuckets,
	Labels: []catalog.Label{
		{Key: "type", Values: dnsTypes[:], Help: "The type of the records that were asked for; other where it is another, or more than one"},
		{Key: "result", Values: dnsResults[:], Help: "There was an answer; no such name, or no such record of it; no answer in time; the server failed (SERVFAIL, RFC 1035) or could not be reached; or anything else"},
	},
})

var (
	dnsTypes   = [...]string{"A", "AAAA", "MX", "TXT", "PTR", "TLSA", "CNAME", "SRV", "other"}
	dnsResults = [...]string{"ok", "not_found", "timeout", "servfail", "other"}
)

// The positions of the results.
const (
	dnsOK = iota
	dnsNotFound
	dnsTimeout
	dnsServFail
	dnsOther
)

// DNS records lookups in the DNS. All methods are safe for concurrent use.
type DNS struct{ duration labelledHistogram }

func newDNS(b *binder) *DNS { return &DNS{b.labelledHistogram(dnsDuration)} }

// Lookup begins a lookup of records of a type: "A", "AAAA", "MX", "TXT", "PTR", "TLSA",
// "CNAME" or "SRV", in any case. All else is "other", and so should be a lookup for several
// types at once, as [net.Resolver.LookupHost] does. The span in ctx is the exemplar.
func (d *DNS) Lookup(ctx context.Context, recordType string) DNSLookup {
	return DNSLookup{orEmpty(d), orBackground(ctx), valueAt(dnsTypes[:], recordType), time.Now()}
}

// DNSLookup is a lookup in progress. End it exactly once.
type DNSLookup struct {
	dns        *DNS
	ctx        context.Context
	recordType int
	begun      time.Time
}

// End ends the lookup with what [net.Resolver] returned: nil is "ok", a [net.DNSError] is
// "not_found", "timeout" or, where it is temporary, "servfail": of these it does not tell a
// server that could not be reached. All else is "other". For a library that shows the
// response code there is EndCode.
func (l DNSLookup) End(err error) {
	var failed *net.DNSError
	switch {
	case err == nil:
		l.end(dnsOK)
	case CauseOf(err) == CauseTimeout:
		l.end(dnsTimeout)
	case !errors.As(err, &failed):
		l.end(dnsOther)
	case failed.IsNotFound:
		l.end(dnsNotFound)
	case failed.IsTimeout:
		l.end(dnsTimeout)
	case failed.IsTemporary: // "server misbehaving", as package net calls it
		l.end(dnsServFail)
	default:
		l.end(dnsOther)
	}
}

// EndCode ends the lookup with the response code of an answer (RFC 1035 section 4.1.1) and
// how many records it had: 0 is "ok", or "not_found" without records, 2 is "servfail" and
// 3 "not_found". Where there was no answer, use End.
func (l DNSLookup) EndCode(code, records int) {
	switch {
	case code == 0 && records > 0:
		l.end(dnsOK)
	case code == 0, code == 3:
		l.end(dnsNotFound)
	case code == 2:
		l.end(dnsServFail)
	default:
		l.end(dnsOther)
	}
}

func (l DNSLookup) end(result int) {
	if l.dns != nil {
		l.dns.duration.record(l.ctx, time.Since(l.begun), l.recordType, result)
	}
}
