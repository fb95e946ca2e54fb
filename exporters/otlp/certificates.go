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
	ca, caName := e.String(e.names(s, "CERTIFICATE")...)
	if ca != "" {
		roots, err := readRoots(caName, ca)
		e.add(err)
		config.RootCAs = roots
	}
	cert, certName := e.String(e.names(s, "CLIENT_CERTIFICATE")...)
	key, keyName := e.String(e.names(s, "CLIENT_KEY")...)
	switch {
	case cert == "" && key == "":
	case cert == "":
		e.add(settings.Invalid(keyName, key, "OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE beside it"))
	case key == "":
		e.add(settings.Invalid(certName, cert, "OTEL_EXPORTER_OTLP_CLIENT_KEY beside it"))
	default:
		pair, err := tls.LoadX509KeyPair(cert, key)
		if err != nil {
			e.add(fmt.Errorf("%w: %w",
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
		return nil, fmt.Errorf("%w: %w", settings.Invalid(setting, path, "a readable PEM file"), err)
	}
	roots := x509.NewCertPool()
	if !roots.AppendCertsFromPEM(pem) {
		return nil, settings.Invalid(setting, path, "a PEM file with at least one certificate")
	}
	return roots, nil
}
