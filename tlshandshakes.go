package otelmail

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"net"
	"os"
	"strings"
	"syscall"

	"github.com/rusmes/otelmail/catalog"
)

var (
	handshakeDirection = catalog.Label{Key: "direction", Values: []string{"in", "out"},
		Help: "in: of clients with us; out: ours with other servers"}

	tlsHandshakes = define(catalog.Metric{
		Name: "tls_handshakes_total", Kind: catalog.Counter, Unit: "{handshake}",
		Help: "TLS handshakes that were completed",
		Rise: "Of 1.0 and 1.1: clients or servers that will soon not get in any more. A fall to nothing: see " + tlsHandshakeFailures.Name + ".",
		Labels: []catalog.Label{handshakeDirection, {Key: "version", Values: []string{"1.0", "1.1", "1.2", "1.3", "other"},
			Help: "What was agreed on; other where the library does not tell"}},
	})
	tlsHandshakeFailures = define(catalog.Metric{
		Name: "tls_handshake_failures_total", Kind: catalog.Counter, Unit: "{handshake}",
		Help: "TLS handshakes that failed",
		Rise: "expired, unknown_authority, hostname: our certificate, or with direction out the other side's. protocol_version and negotiation: old clients. not_tls and closed: scanners, or a client set to the wrong port.",
		Labels: []catalog.Label{handshakeDirection, {Key: "reason", Values: tlsFailures,
			Help: "What failed; negotiation is nothing in common (ciphers, curves) or the alert handshake_failure, bad_certificate is every other fault of a certificate, other what the library does not tell"}},
	})
)

// tlsFailure is a value of the label reason.
type tlsFailure int

const (
	tlsFailedVersion tlsFailure = iota
	tlsFailedNegotiation
	tlsFailedALPN
	tlsFailedExpired
	tlsFailedAuthority
	tlsFailedHostname
	tlsFailedCertificate
	tlsFailedClientCertificate
	tlsFailedNotTLS
	tlsFailedTimeout
	tlsFailedClosed
	tlsFailedOther
)

var tlsFailures = []string{"protocol_version", "negotiation", "alpn", "expired", "unknown_authority", "hostname",
	"bad_certificate", "client_certificate", "not_tls", "timeout", "closed", "other"}

// handshakes counts TLS handshakes in one direction.
type handshakes struct {
	direction int
	done      labelledCounter
	failed    labelledCounter
}

func newHandshakes(b *binder) (in, out *handshakes) {
	done, failed := b.labelledCounter(tlsHandshakes), b.labelledCounter(tlsHandshakeFailures)
	return &handshakes{0, done, failed}, &handshakes{1, done, failed}
}

func (h *handshakes) completed(version uint16) {
	if h == nil {
		return
	}
	i := 4
	if version >= tls.VersionTLS10 && version <= tls.VersionTLS13 {
		i = int(version - tls.VersionTLS10)
	}
	h.done.add(1, h.direction, i)
}

func (h *handshakes) broke(err error) {
	if h != nil {
		h.failed.add(1, h.direction, int(tlsFailureOf(err)))
	}
}

// tlsAlerts are what the alerts of RFC 8446 section 6.2 say, sent by either side.
var tlsAlerts = map[tls.AlertError]tlsFailure{
	40: tlsFailedNegotiation, 42: tlsFailedCertificate, 43: tlsFailedCertificate, 44: tlsFailedCertificate,
	45: tlsFailedExpired, 46: tlsFailedCertificate, 48: tlsFailedAuthority, 49: tlsFailedClientCertificate,
	70: tlsFailedVersion, 71: tlsFailedNegotiation, 86: tlsFailedVersion, 112: tlsFailedHostname,
	113: tlsFailedCertificate, 116: tlsFailedClientCertificate, 120: tlsFailedALPN, 0: tlsFailedClosed, 90: tlsFailedClosed,
}

// tlsFailureOf tells failures of a handshake apart. nil is one of which nothing is known.
func tlsFailureOf(err error) tlsFailure {
	var (
		record   tls.RecordHeaderError
		invalid  x509.CertificateInvalidError
		unknown  x509.UnknownAuthorityError
		hostname x509.HostnameError
		cert     *tls.CertificateVerificationError
		op       *net.OpError
		network  net.Error
	)
	switch {
	case err == nil:
		return tlsFailedOther
	case errors.As(err, &record):
		return tlsFailedNotTLS
	case errors.As(err, &invalid) && invalid.Reason == x509.Expired:
		return tlsFailedExpired
	case errors.As(err, &unknown):
		return tlsFailedAuthority
	case errors.As(err, &hostname):
		return tlsFailedHostname
	case errors.As(err, &invalid), errors.As(err, &cert):
		return tlsFailedCertificate
	case errors.As(err, &op) && (op.Op == "remote error" || op.Op == "local error"):
		return tlsAlertOf(op.Err)
	case errors.Is(err, os.ErrDeadlineExceeded), errors.As(err, &network) && network.Timeout():
		return tlsFailedTimeout
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, syscall.ECONNRESET),
		errors.Is(err, syscall.EPIPE), errors.Is(err, syscall.ECONNABORTED), errors.Is(err, net.ErrClosed):
		return tlsFailedClosed
	}
	return tlsFailureByText(err)
}

// tlsAlertOf reads an alert. crypto/tls does not export the type of those that do not come
// over QUIC, only their texts.
func tlsAlertOf(alert error) tlsFailure {
	for number, failure := range tlsAlerts {
		if alert.Error() == number.Error() {
			return failure
		}
	}
	return tlsFailedOther
}

// tlsFailureByText reads the errors of a handshake that crypto/tls has no types for.
func tlsFailureByText(err error) tlsFailure {
	text := err.Error()
	for _, known := range []struct {
		text    string
		failure tlsFailure
	}{
		{"unsupported versions", tlsFailedVersion},
		{"unsupported protocol version", tlsFailedVersion},
		{"no cipher suite", tlsFailedNegotiation},
		{"no supported elliptic curves", tlsFailedNegotiation},
		{"unsupported application protocols", tlsFailedALPN},
		{"no application protocol", tlsFailedALPN},
		{"client didn't provide a certificate", tlsFailedClientCertificate},
		{"no certificates configured", tlsFailedCertificate},
		{"certificate", tlsFailedCertificate},
	} {
		if strings.Contains(text, known.text) {
			return known.failure
		}
	}
	return tlsFailedOther
}
