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

// certificate is what a server of the demo presents. It can be replaced while it is in use.
type certificate struct {
	host    string
	key     *ecdsa.PrivateKey // of all of them, so that who trusts the first trusts the others
	roots   *x509.CertPool    // the first
	current atomic.Pointer[tls.Certificate]
}

// newCertificate makes one that is valid for so long.
func newCertificate(host string, valid time.Duration) (*certificate, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, fmt.Errorf("certificate for %s: %w", host, err)
	}
	c := &certificate{host: host, key: key, roots: x509.NewCertPool()}
	if err := c.replace(valid); err != nil {
		return nil, err
	}
	leaf, err := x509.ParseCertificate(c.current.Load().Certificate[0])
	if err != nil {
		return nil, fmt.Errorf("certificate for %s: %w", host, err)
	}
	c.roots.AddCert(leaf)
	return c, nil
}

// replace makes another one.
func (c *certificate) replace(valid time.Duration) error {
	made, err := selfSigned(c.host, c.key, valid)
	if err == nil {
		c.current.Store(made)
	}
	return err
}

func (c *certificate) config() *tls.Config {
	return &tls.Config{
		MinVersion:     tls.VersionTLS12,
		GetCertificate: func(*tls.ClientHelloInfo) (*tls.Certificate, error) { return c.current.Load(), nil },
	}
}

// selfSigned makes a certificate for a server of the demo. It lives in memory
// only and is worth nothing after the run.
func selfSigned(host string, key *ecdsa.PrivateKey, valid time.Duration) (*tls.Certificate, error) {
	template := &x509.Certificate{
		SerialNumber: big.NewInt(time.Now().UnixNano()),
		Subject:      pkix.Name{CommonName: host},
		DNSNames:     []string{host, "localhost"},
		IPAddresses:  []net.IP{net.IPv4(127, 0, 0, 1), net.IPv6loopback},
		NotBefore:    time.Now().Add(-time.Hour), // clocks differ
		NotAfter:     time.Now().Add(valid),
		KeyUsage:     x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign,
		ExtKeyUsage:  []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},

		BasicConstraintsValid: true,
		IsCA:                  true, // of the next one
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		return nil, fmt.Errorf("certificate for %s: %w", host, err)
	}
	return &tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, nil
}
