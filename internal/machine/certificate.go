package machine

import (
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"time"
)

// LeafEnd is when a certificate expires.
func LeafEnd(der []byte) (time.Time, error) {
	leaf, err := x509.ParseCertificate(der)
	if err != nil {
		return time.Time{}, fmt.Errorf("read the certificate: %w", err)
	}
	return leaf.NotAfter, nil
}

// CertificateEnd is when the first certificate of a PEM file expires.
func CertificateEnd(path string) (time.Time, error) {
	text, _, err := ReadFile(path)
	if err != nil {
		return time.Time{}, fmt.Errorf("read the certificate: %w", err)
	}
	for {
		block, rest := pem.Decode(text)
		if block == nil {
			return time.Time{}, fmt.Errorf("read the certificate: %s has no PEM block CERTIFICATE", path)
		}
		if block.Type == "CERTIFICATE" {
			return LeafEnd(block.Bytes)
		}
		text = rest
	}
}
