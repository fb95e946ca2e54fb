package otlp_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// identity is a certificate with its key, in memory and in files.
type identity struct {
	pair              tls.Certificate
	certFile, keyFile string
}

// newIdentity makes one that is signed by another, or by itself.
func newIdentity(t *testing.T, name string, by ...identity) identity {
	t.Helper()
	return issue(t, name, func(*x509.Certificate) {}, by...)
}

// issue is newIdentity with a change to what is signed.
func issue(t *testing.T, name string, change func(*x509.Certificate), by ...identity) identity {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(time.Now().UnixNano()),
		Subject:      pkix.Name{CommonName: name},
		NotBefore:    time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		KeyUsage:    x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
		IsCA:        len(by) == 0, BasicConstraintsValid: true,
	}
	change(template)
	parent, signer := template, any(key)
	if len(by) > 0 {
		parent, signer = by[0].pair.Leaf, by[0].pair.PrivateKey
	}
	der, err := x509.CreateCertificate(rand.Reader, template, parent, &key.PublicKey, signer)
	if err != nil {
		t.Fatal(err)
	}
	keyDER, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	id := identity{certFile: filepath.Join(dir, "cert.pem"), keyFile: filepath.Join(dir, "key.pem")}
	write := func(file, kind string, data []byte) {
		if err := os.WriteFile(file, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: data}), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write(id.certFile, "CERTIFICATE", der)
	write(id.keyFile, "PRIVATE KEY", keyDER)
	if id.pair, err = tls.LoadX509KeyPair(id.certFile, id.keyFile); err != nil {
		t.Fatal(err)
	}
	if id.pair.Leaf == nil {
		if id.pair.Leaf, err = x509.ParseCertificate(der); err != nil {
			t.Fatal(err)
		}
	}
	return id
}

func (id identity) pool() *x509.CertPool {
	pool := x509.NewCertPool()
	pool.AddCert(id.pair.Leaf)
	return pool
}
