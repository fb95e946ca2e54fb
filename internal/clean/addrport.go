package clean

import (
	"net"
	"net/netip"
)

// AddrPort understands TCP addresses; ok is false for sockets of other kinds.
func AddrPort(addr net.Addr) (ip netip.Addr, port int, ok bool) {
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
