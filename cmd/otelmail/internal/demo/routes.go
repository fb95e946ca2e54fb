package demo

import (
	"context"
	"errors"
	"net"

	"github.com/rusmes/otelmail"
)

// The names of servers of other domains beside [remoteHost], and a domain of each.
const (
	closedHost   = "mx-old.remote.example" // nothing listens there; the first server of slow.example
	brokenHost   = "mx.legacy.example"     // offers STARTTLS, and has no certificate
	legacyDomain = "legacy.example"
)

// routes knows where the mail of other domains goes.
type routes struct {
	tel      *otelmail.Telemetry
	resolver *net.Resolver
	remote   string // host:port of the second server
	broken   string // host:port of the one whose TLS is broken
}

// newRoutes adds the domains of these servers to the DNS.
func newRoutes(tel *otelmail.Telemetry, d *dnsServer, world *remote) (*routes, error) {
	return &routes{tel: tel, resolver: d.resolver(), remote: world.address, broken: world.brokenAddress},
		d.add("slow.example. MX 5 "+closedHost+".", closedHost+". A 127.0.0.1",
			legacyDomain+". MX 10 "+brokenHost+".", brokenHost+". A 127.0.0.1",
			limitedDomain+". MX 10 "+remoteHost+".")
}

// servers are where to deliver for a domain, host:port, the best first. A domain that the
// DNS does not know is served by the second server, so that any can be tried.
func (r *routes) servers(ctx context.Context, domain string) ([]string, error) {
	lookup := r.tel.DNS.Lookup(ctx, "MX")
	exchangers, err := r.resolver.LookupMX(ctx, domain+".")
	lookup.End(err)
	var failed *net.DNSError
	if errors.As(err, &failed) && failed.IsNotFound {
		return []string{r.remote}, nil
	}
	if err != nil {
		return nil, err
	}
	var servers []string
	for _, mx := range exchangers {
		address, err := r.address(ctx, mx.Host)
		if err != nil {
			return nil, err
		}
		servers = append(servers, address)
	}
	return servers, nil
}

// address looks a server up. All are on this machine, so the name tells the port.
func (r *routes) address(ctx context.Context, host string) (string, error) {
	lookup := r.tel.DNS.Lookup(ctx, "A")
	ips, err := r.resolver.LookupIP(ctx, "ip4", host)
	lookup.End(err)
	switch {
	case err != nil:
		return "", err
	case host == closedHost+".":
		return net.JoinHostPort(ips[0].String(), "1"), nil
	case host == brokenHost+".":
		return r.broken, nil
	}
	return r.remote, nil
}
