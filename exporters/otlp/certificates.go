package otlp

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"os"

	"github.com/rusmes/otelmail/internal/settings"
)

// certificates builds the TLS settings from the files that the environment
// names. nil means the system's roots and no client certificate.
func (e *environment) certificates(s signal) *tls.Config {
	var config tls.Config
	ca, caName := e.String(settings.OTLPCertificate.For(s.name))
	if ca != "" {
		roots, err := readRoots(caName, ca)
		e.Refuse(err)
		config.RootCAs = roots
	}
	cert, certName := e.String(settings.OTLPClientCertificate.For(s.name))
	key, keyName := e.String(settings.OTLPClientKey.For(s.name))
	switch {
	case cert == "" && key == "":
	case cert == "":
		e.Refuse(settings.Invalid(keyName, key, settings.OTLPClientCertificate.Name()+" beside it"))
	case key == "":
		e.Refuse(settings.Invalid(certName, cert, settings.OTLPClientKey.Name()+" beside it"))
	default:
		pair, err := tls.LoadX509KeyPair(cert, key)
		if err != nil {
			e.Refuse(fmt.Errorf("%w: %w",
				settings.Invalid(certName+" with "+keyName, cert+" with "+key, "a readable PEM certificate and its key"), err))
			return nil
		}
		config.Certificates = []tls.Certificate{pair}
	}
	if config.RootCAs == nil && config.Certificates == nil {
		return nil
	}
	return &config
}

func readRoots(setting, path string) (*x509.CertPool, error) {
	pem, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", settings.Invalid(setting, path, settings.OTLPCertificate.Wants()), err)
	}
	roots := x509.NewCertPool()
	if !roots.AppendCertsFromPEM(pem) {
		return nil, settings.Invalid(setting, path, "a PEM file with at least one certificate")
	}
	return roots, nil
}
