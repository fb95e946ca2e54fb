package demo

import (
	"errors"
	"time"

	"github.com/rusmes/otelmail"
)

// hashKey is what the hashes of users are keyed with: the same in every run, so that they
// are, too. A real server reads its key from a file that nobody else can read.
var hashKey = []byte("the demo's key is no secret")

// watchHost has what ends one day watched: the certificate, the disk of the queue, and the
// reputation of our addresses. What is watched already is asked anew, at once.
func (d *Demo) watchHost() error {
	return errors.Join(d.watchCertificate(), d.watchDisk(), d.watchBlockLists())
}

func (d *Demo) watchCertificate() error {
	return d.tel.Host.WatchCertificate("smtp", d.certificate.config(), localHost)
}

func (d *Demo) watchDisk() error {
	err := d.tel.Host.WatchDisk("spool", d.spool.dir)
	if errors.Is(err, errors.ErrUnsupported) {
		return nil
	}
	return err
}

func (d *Demo) watchBlockLists() error {
	return d.tel.Host.WatchBlockLists(otelmail.BlockLists{
		Addresses: d.config.addresses(),
		Zones:     []string{dnsblZone},
		Interval:  time.Minute,
		Resolver:  d.dns.resolver(),
	})
}
