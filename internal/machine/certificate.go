package machine

import (
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"os"
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

// maxCertificateFile is far more than any chain needs: a path that names something else is
// not read into memory.
const maxCertificateFile = 1 << 20

// CertificateEnd is when the first certificate of a PEM file expires.
func CertificateEnd(path string) (time.Time, error) {
	info, err := os.Stat(path)
	if err != nil {
		return time.Time{}, fmt.Errorf("read the certificate: %w", err)
	}
	if !info.Mode().IsRegular() || info.Size() > maxCertificateFile {
		return time.Time{}, fmt.Errorf("read the certificate: %s is not a file of at most 1 MiB", path)
	}
	text, err := os.ReadFile(path)
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
