package demo

import (
	"crypto/tls"
	"errors"
	"net/netip"
	"time"

	"github.com/rusmes/otelmail"
)

// hashKey is what the hashes of users are keyed with: the same in every run, so that they
// are, too. A real server reads its key from a file that nobody else can read.
var hashKey = []byte("the demo's key is no secret")

// watchHost has what ends one day watched: the certificate, the disk of the queue, and the
// reputation of our addresses, of which 127.0.0.13 has none left.
func (d *Demo) watchHost(certificate *tls.Config) error {
	return errors.Join(
		d.tel.Host.WatchCertificate("smtp", certificate, localHost),
		watched(d.tel.Host.WatchDisk("spool", d.spool.dir)),
		d.tel.Host.WatchBlockLists(otelmail.BlockLists{
			Addresses: []netip.Addr{netip.MustParseAddr("127.0.0.1"), netip.MustParseAddr("127.0.0.13")},
			Zones:     []string{dnsblZone},
			Interval:  time.Minute,
			Resolver:  d.dns.resolver(),
		}),
	)
}

// watched is no error where a system cannot tell.
func watched(err error) error {
	if errors.Is(err, errors.ErrUnsupported) {
		return nil
	}
	return err
}
