package prometheus

import "net/netip"

// origin is whom a bound for each client counts as one: an IPv4 address, or the 64 bits
// of an IPv6 address that one customer has at least. What has no address, such as a
// Unix socket, is one origin.
type origin struct{ netip.Prefix }

func originOf(remote string) origin {
	at, err := netip.ParseAddrPort(remote)
	if err != nil {
		return origin{}
	}
	address, bits := at.Addr().Unmap().WithZone(""), 32
	if address.Is6() {
		bits = 64
	}
	prefix, err := address.Prefix(bits)
	if err != nil {
		return origin{}
	}
	return origin{prefix}
}
