package otelmail

import (
	"cmp"
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"net"
	"time"

	"github.com/rusmes/otelmail/catalog"
	"github.com/rusmes/otelmail/internal/contain"
	"github.com/rusmes/otelmail/internal/machine"
	"github.com/rusmes/otelmail/internal/settings"
)

var certificateNotAfter = define(catalog.Metric{
	Name: "certificate_not_after_timestamp_seconds", Kind: catalog.Gauge, Unit: "s", Fleet: catalog.Min,
	Help: "When the certificate of a listener expires, in Unix time",
	Rise: "It rises with each renewal. Without one it stands still, and what is left is its value minus time(): at 0 clients refuse the connection, or fall back to plaintext. Look at the errors of ACME, and at what was to renew it.",
	Labels: []catalog.Label{{Key: "listener",
		Help: "The name that the application watches the certificate under: at most 50"}},
})

func bindCertificates(b *binder) *named[float64] {
	n := &named[float64]{what: "the certificate's listener"}
	b.fraction(certificateNotAfter, n.each)
	return n
}

// WatchCertificate shows when the certificate expires that a listener with this
// configuration presents to clients which ask for serverName (SNI; empty for those that
// name none): certificate_not_after_timestamp_seconds, under the name that the application gives the
// listener. Once a minute a handshake in memory asks for it, in the background, so that
// GetCertificate and GetConfigForClient are called as by a client. The same listener again
// replaces what was watched. An error names the argument that is wrong; what goes wrong
// later, no certificate for example, goes to the error handler.
func (h *Host) WatchCertificate(listener string, config *tls.Config, serverName string) error {
	if config == nil {
		return fmt.Errorf("otelmail: %w", settings.Invalid("WatchCertificate "+listener, "nil", "a tls.Config"))
	}
	return h.watchCertificate(listener, func(ctx context.Context) (time.Time, error) { return presented(ctx, config, serverName) })
}

// WatchCertificateFile is [Host.WatchCertificate] for a PEM file, whose first certificate
// counts. The file is read anew each time, so that a renewal shows.
func (h *Host) WatchCertificateFile(listener, path string) error {
	if path == "" {
		return fmt.Errorf("otelmail: %w", settings.Invalid("WatchCertificateFile "+listener, "", "the path of a PEM file"))
	}
	return h.watchCertificate(listener, func(context.Context) (time.Time, error) { return machine.CertificateEnd(path) })
}

func (h *Host) watchCertificate(listener string, expiry func(context.Context) (time.Time, error)) error {
	h = orEmpty(h)
	if h.sources == nil {
		return nil
	}
	if err := h.certificates.add(certificateNotAfter.Labels[0].Key, listener); err != nil {
		return fmt.Errorf("otelmail: watch a certificate: %w", err)
	}
	h.sources.poll(certificateNotAfter, listener, sourceEvery, func(ctx context.Context) error {
		ctx, cancel := context.WithTimeout(ctx, sourceEvery)
		defer cancel()
		t, err := expiry(ctx)
		if err == nil {
			h.certificates.set(listener, float64(t.Unix()))
		}
		return err
	})
	return nil
}

// presented is when the certificate expires that a client gets, which a handshake in memory
// tells: what GetCertificate and GetConfigForClient look at is there then. Only the leaf
// counts: chains often end in a cross-signed root that has expired, and clients do without
// it.
func presented(ctx context.Context, config *tls.Config, serverName string) (expiry time.Time, err error) {
	here, there := net.Pipe()
	defer here.Close()
	failed := make(chan error, 1)
	go func() {
		defer there.Close()
		// The connection stays unread, and so closes before all that the server writes is taken.
		failed <- contain.Error(func() error { return tls.Server(there, config).HandshakeContext(ctx) })
	}()
	client := tls.Client(here, &tls.Config{
		ServerName:         serverName,
		InsecureSkipVerify: true, // whoever signed it, and for whatever name: it is shown when it expires
		VerifyPeerCertificate: func(raw [][]byte, _ [][]*x509.Certificate) (err error) {
			expiry, err = machine.LeafEnd(raw[0])
			return err
		},
	})
	if err := client.HandshakeContext(ctx); expiry.IsZero() && err != nil {
		here.Close()
		return expiry, fmt.Errorf("ask for the certificate as a client does: %w", cmp.Or(<-failed, err))
	}
	return expiry, nil
}
