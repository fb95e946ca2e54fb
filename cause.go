package otelmail

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"io/fs"
	"net"
	"os"
	"syscall"

	"github.com/rusmes/otelmail/internal/contain"
)

// Cause is why something failed when no reply says so. It becomes error.type.
type Cause uint8

// The causes, with their error.type.
const (
	CauseNone         Cause = iota // no failure
	CauseTimeout                   // timeout
	CauseRefused                   // refused: nothing listens there
	CauseNoRoute                   // no_route: host or network unreachable
	CauseReset                     // connection_reset: broken by the other side
	CauseEOF                       // eof: closed in the middle of something
	CauseTLSHandshake              // tls_handshake, certificate errors too
	CauseDNS                       // dns
	CauseCanceled                  // canceled: by us, in a shutdown for example
	CauseProtocol                  // protocol: the other side broke the protocol
	CauseStorage                   // storage: the disk or the file system
	CausePanic                     // panic: a handler panicked
	CauseOther                     // _OTHER

	causeEnd
)

var causeTypes = [causeEnd]string{
	"", "timeout", "refused", "no_route", "connection_reset", "eof", "tls_handshake", "dns",
	"canceled", "protocol", "storage", "panic", "_OTHER",
}

// String returns the error.type of the cause, "" for [CauseNone], and "_OTHER" for what is
// none of them.
func (c Cause) String() string { return memberOf(causeTypes[:], c, other) }

// CauseOf tells failures of the network apart. It returns [CauseNone] for nil
// and [CauseOther] for what it does not know. The error's text is not looked at
// and never shown: errors of mail hold addresses.
func CauseOf(err error) Cause {
	if err == nil {
		return CauseNone
	}
	cause := CauseOther
	// The error's methods are somebody else's, and a nil pointer may be in it.
	_ = contain.Call(func() { cause = causeOf(err) })
	return cause
}

func causeOf(err error) Cause {
	var (
		dns      *net.DNSError
		record   tls.RecordHeaderError
		alert    tls.AlertError
		cert     *tls.CertificateVerificationError
		unknown  x509.UnknownAuthorityError
		hostname x509.HostnameError
		invalid  x509.CertificateInvalidError
		op       *net.OpError
		path     *fs.PathError
		network  net.Error
	)
	switch {
	case errors.As(err, &dns):
		return CauseDNS
	case errors.As(err, &record), errors.As(err, &alert), errors.As(err, &cert),
		errors.As(err, &unknown), errors.As(err, &hostname), errors.As(err, &invalid),
		// This is how crypto/tls wraps alerts, whose type it does not export.
		errors.As(err, &op) && (op.Op == "remote error" || op.Op == "local error"):
		return CauseTLSHandshake
	case errors.Is(err, context.Canceled), errors.Is(err, net.ErrClosed):
		return CauseCanceled
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, os.ErrDeadlineExceeded),
		errors.Is(err, syscall.ETIMEDOUT):
		return CauseTimeout
	case errors.Is(err, syscall.ECONNREFUSED):
		return CauseRefused
	case errors.Is(err, syscall.EHOSTUNREACH), errors.Is(err, syscall.ENETUNREACH):
		return CauseNoRoute
	case errors.Is(err, syscall.ECONNRESET), errors.Is(err, syscall.EPIPE), errors.Is(err, syscall.ECONNABORTED):
		return CauseReset
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return CauseEOF
	case errors.As(err, &path), errors.Is(err, syscall.ENOSPC), errors.Is(err, syscall.EDQUOT):
		return CauseStorage
	case errors.As(err, &network) && network.Timeout():
		return CauseTimeout
	}
	return CauseOther
}
