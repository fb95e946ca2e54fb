package demo

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"fmt"
	"math/big"
	"net"
	"sync/atomic"
	"time"
)

// certificate is what a server of the demo presents. It can be replaced while it is in use, and
// who trusts roots trusts what takes its place. All of it lives in memory only, and is worth
// nothing after the run.
type certificate struct {
	host    string
	issuer  *x509.Certificate // an authority of its own
	key     *ecdsa.PrivateKey // that one's
	roots   *x509.CertPool    // with the issuer alone
	current atomic.Pointer[tls.Certificate]
}

// newCertificate makes one that is valid for so long.
func newCertificate(host string, valid time.Duration) (*certificate, error) {
	issuer, key, err := newIssuer()
	if err != nil {
		return nil, fmt.Errorf("certificate for %s: issuer: %w", host, err)
	}
	c := &certificate{host: host, issuer: issuer, key: key, roots: x509.NewCertPool()}
	c.roots.AddCert(issuer)
	if err := c.replace(valid); err != nil {
		return nil, err
	}
	return c, nil
}

func newIssuer() (*x509.Certificate, *ecdsa.PrivateKey, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, nil, err
	}
	template := newTemplate("otelmail demo", 10*365*24*time.Hour)
	template.KeyUsage, template.IsCA = x509.KeyUsageCertSign, true
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		return nil, nil, err
	}
	issuer, err := x509.ParseCertificate(der)
	return issuer, key, err
}

func newTemplate(name string, valid time.Duration) *x509.Certificate {
	return &x509.Certificate{
		SerialNumber: big.NewInt(time.Now().UnixNano()),
		Subject:      pkix.Name{CommonName: name},
		NotBefore:    time.Now().Add(-time.Hour), // clocks differ
		NotAfter:     time.Now().Add(valid),

		BasicConstraintsValid: true,
	}
}

// replace presents another one from now on.
func (c *certificate) replace(valid time.Duration) error {
	template := newTemplate(c.host, valid)
	template.DNSNames = []string{c.host, "localhost"}
	template.IPAddresses = []net.IP{net.IPv4(127, 0, 0, 1), net.IPv6loopback}
	template.KeyUsage = x509.KeyUsageDigitalSignature
	template.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return fmt.Errorf("certificate for %s: %w", c.host, err)
	}
	der, err := x509.CreateCertificate(rand.Reader, template, c.issuer, &key.PublicKey, c.key)
	if err != nil {
		return fmt.Errorf("certificate for %s: %w", c.host, err)
	}
	c.current.Store(&tls.Certificate{Certificate: [][]byte{der, c.issuer.Raw}, PrivateKey: key})
	return nil
}

func (c *certificate) config() *tls.Config {
	return &tls.Config{
		MinVersion:     tls.VersionTLS12,
		GetCertificate: func(*tls.ClientHelloInfo) (*tls.Certificate, error) { return c.current.Load(), nil },
	}
}
