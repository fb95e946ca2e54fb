package otlp

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"syscall"
	"time"

	"github.com/rusmes/otelmail/internal/settings"
)

const (
	silent        = "the port accepts connections and does not answer in time"
	portSpeaksTLS = "the port speaks TLS: the endpoint must begin with https://"
)

// reach goes to the receiver step by step: the name, the connection, TLS, and then an empty
// request by the client that would push.
func (t *tryout) reach(ctx context.Context) verdict {
	proxy, err := t.proxy(ctx)
	if err != nil { // which shows the value
		return wrongly("HTTP_PROXY or HTTPS_PROXY is set to something that is no URL of a proxy")
	}
	if t.byProxy = proxy != nil; t.byProxy {
		conn, failed := dialTo(ctx, proxyAddress(proxy))
		if failed != "" {
			return wrongly("the proxy %s: %s", shownHost(proxy), failed)
		}
		_ = conn.Close()
		v := t.request(ctx)
		v.text = "by the proxy " + shownHost(proxy) + ": " + v.text
		return v
	}
	conn, failed := dialTo(ctx, t.target.hostPort())
	if failed != "" {
		return wrongly("%s", failed)
	}
	defer conn.Close()
	if t.target.url.Scheme == "https" {
		if failed := t.handshake(ctx, conn); failed != "" {
			return wrongly("%s", failed)
		}
	}
	return t.request(ctx)
}

// request sends nothing, as a push would send something.
func (t *tryout) request(ctx context.Context) verdict {
	if t.target.transport == GRPC {
		return t.call(ctx)
	}
	return t.post(ctx)
}

// proxy is the one that the connection goes by; nil for none.
func (t *tryout) proxy(ctx context.Context) (*url.URL, error) {
	to := "http://"
	if t.target.url.Scheme == "https" || t.target.transport == GRPC { // which always asks for a tunnel
		to = "https://"
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, to+t.target.hostPort(), nil)
	if err != nil {
		return nil, err
	}
	return http.ProxyFromEnvironment(req)
}

func proxyAddress(proxy *url.URL) string {
	if proxy.Port() != "" {
		return proxy.Host
	}
	port := map[string]string{"https": "443", "socks5": "1080", "socks5h": "1080"}[proxy.Scheme]
	if port == "" {
		port = "80"
	}
	return net.JoinHostPort(proxy.Hostname(), port)
}

// shownHost is a URL without its user, path and query.
func shownHost(u *url.URL) string { return u.Scheme + "://" + u.Host }

// dialTo connects, or says in words why that failed.
func dialTo(ctx context.Context, address string) (conn net.Conn, failed string) {
	conn, err := (&net.Dialer{}).DialContext(ctx, "tcp", address)
	if err == nil {
		return conn, ""
	}
	host, _, _ := net.SplitHostPort(address)
	var dns *net.DNSError
	switch {
	case errors.As(err, &dns) && dns.IsNotFound:
		return nil, fmt.Sprintf("the name %q is not found", host)
	case errors.As(err, &dns):
		return nil, fmt.Sprintf("the name %q cannot be looked up: %s", host, dns.Err)
	case errors.Is(err, syscall.ECONNREFUSED):
		return nil, "the connection is refused: nothing listens there"
	case errors.Is(err, syscall.EHOSTUNREACH), errors.Is(err, syscall.ENETUNREACH):
		return nil, "there is no way to this host"
	case isLate(ctx, err):
		return nil, "no connection is made in time: the host is away, or a firewall drops what is sent to it"
	}
	return nil, fmt.Sprintf("no connection is made: %v", err)
}

func isLate(ctx context.Context, err error) bool {
	var late net.Error
	return ctx.Err() != nil || errors.As(err, &late) && late.Timeout()
}

// handshake makes TLS of conn, or says in words why that failed.
func (t *tryout) handshake(ctx context.Context, conn net.Conn) (failed string) {
	config := t.tlsConfig()
	secured := tls.Client(conn, config)
	err := secured.HandshakeContext(ctx)
	if err == nil {
		if t.target.transport == GRPC && secured.ConnectionState().NegotiatedProtocol != "h2" {
			return t.noHTTP2()
		}
		return ""
	}
	var record tls.RecordHeaderError
	var unverified *tls.CertificateVerificationError
	switch text := err.Error(); {
	case errors.As(err, &unverified):
		return certificateProblem(unverified, config.ServerName)
	case errors.As(err, &record), errors.Is(err, io.EOF), errors.Is(err, syscall.ECONNRESET), errors.Is(err, io.ErrUnexpectedEOF):
		return t.noTLS(ctx)
	case strings.Contains(text, "protocol version"):
		return t.oldTLS(ctx, config)
	case isLate(ctx, err):
		return silent
	case strings.Contains(text, "no application protocol") && t.target.transport == GRPC:
		return t.noHTTP2()
	case t.alert(text) != "":
		return t.alert(text)
	default:
		return fmt.Sprintf("no TLS connection is made: %v", err)
	}
}

// tlsConfig is that of a push.
func (t *tryout) tlsConfig() *tls.Config {
	config := &tls.Config{}
	if chosen := t.target.tls.current(); chosen != nil {
		config = chosen.Clone()
	}
	if config.ServerName == "" {
		config.ServerName = t.target.url.Hostname()
	}
	// With TLS 1.3 a receiver says only afterwards that it misses a certificate, and has often
	// closed the connection by the time that somebody listens.
	certificates, choose := config.Certificates, config.GetClientCertificate
	config.GetClientCertificate = func(asked *tls.CertificateRequestInfo) (*tls.Certificate, error) {
		t.asked = true
		if choose != nil {
			return choose(asked)
		}
		for i := range certificates {
			if asked.SupportsCertificate(&certificates[i]) == nil {
				return &certificates[i], nil
			}
		}
		t.anonymous, t.unfit = true, len(certificates) > 0
		return &tls.Certificate{}, nil
	}
	config.NextProtos = []string{"h2", "http/1.1"}
	if t.target.transport == GRPC {
		config.NextProtos = config.NextProtos[:1]
	}
	return config
}

func (t *tryout) noHTTP2() string {
	return "the port speaks TLS without HTTP/2, which gRPC needs: does it take OTLP over HTTP? Then set " + setProtocol(HTTP)
}

// setProtocol is what chooses a protocol.
func setProtocol(t Transport) string { return settings.OTLPProtocol.Name() + "=" + t.String() }

// noTLS finds out what is spoken where TLS is not.
func (t *tryout) noTLS(ctx context.Context) string {
	plain := t.plainly()
	switch {
	case plain.speaksHTTP(ctx), plain.speaksGRPC(ctx):
		return "the port speaks no TLS: the endpoint must begin with http://"
	case ctx.Err() != nil:
		return silent
	}
	return "no TLS connection is made: it ends in the handshake"
}

// oldTLS says which version of TLS is too old. The certificate does not matter for that,
// and nothing is sent.
func (t *tryout) oldTLS(ctx context.Context, config *tls.Config) string {
	least := max(config.MinVersion, tls.VersionTLS12)
	config = config.Clone()
	config.MinVersion, config.MaxVersion, config.InsecureSkipVerify = tls.VersionTLS10, 0, true
	conn, failed := dialTo(ctx, t.target.hostPort())
	if failed != "" {
		return failed
	}
	defer conn.Close()
	secured := tls.Client(conn, config)
	if err := secured.HandshakeContext(ctx); err != nil {
		return "the TLS there is too old: want " + tls.VersionName(least) + " or newer"
	}
	return fmt.Sprintf("the TLS there is too old: %s, want %s or newer", tls.VersionName(secured.ConnectionState().Version), tls.VersionName(least))
}

// certificateProblem says what is wrong with the receiver's certificate. What stands in it
// is a stranger's.
func certificateProblem(err *tls.CertificateVerificationError, host string) string {
	var name x509.HostnameError
	var unknown x509.UnknownAuthorityError
	var invalid x509.CertificateInvalidError
	leaf := err.UnverifiedCertificates[0]
	date := func(at time.Time) string { return at.UTC().Format(time.DateOnly) }
	trust := settings.OTLPCertificate.Name() + " names the file of whom to trust"
	switch {
	case errors.As(err, &name):
		return fmt.Sprintf("the certificate is not for %q, but for %s", cut(host, 100), namesIn(leaf))
	case errors.As(err, &invalid) && invalid.Reason == x509.Expired && time.Now().Before(leaf.NotBefore):
		return "the certificate is not valid before " + date(leaf.NotBefore) + ": is the clock of this machine right?"
	case errors.As(err, &invalid) && invalid.Reason == x509.Expired && time.Now().After(leaf.NotAfter):
		return "the certificate has expired on " + date(leaf.NotAfter)
	case errors.As(err, &unknown) && leaf.CheckSignature(leaf.SignatureAlgorithm, leaf.RawTBSCertificate, leaf.Signature) == nil:
		return "the certificate is signed by itself, and not trusted: " + trust
	case errors.As(err, &unknown):
		return fmt.Sprintf("the certificate is from %q, who is not trusted: %s", cut(leaf.Issuer.String(), 100), trust)
	}
	return fmt.Sprintf("the certificate is not accepted: %s", cut(err.Err.Error(), 200))
}

// namesIn are the names that a certificate is for.
func namesIn(leaf *x509.Certificate) string {
	all := leaf.DNSNames
	for _, ip := range leaf.IPAddresses {
		all = append(all, ip.String())
	}
	switch {
	case len(all) == 0:
		return "no name at all"
	case len(all) > 3:
		return fmt.Sprintf("%q and %d others", cut(all[0], 100), len(all)-1)
	}
	return cut(fmt.Sprintf("%q", all), 300)
}

// alert explains what a receiver says while it ends TLS; empty if it says nothing that an
// operator can do something about.
func (t *tryout) alert(text string) string {
	_, alert, _ := strings.Cut(text, "remote error: tls: ")
	for _, begin := range []string{"certificate required", "bad certificate", "unknown certificate", "expired certificate", "revoked certificate", "access denied"} {
		if strings.HasPrefix(alert, begin) {
			return t.certificateRefused()
		}
	}
	switch {
	case strings.HasPrefix(alert, "unrecogni"): // the name, in American English
		return "the name in the endpoint is not known there"
	case strings.HasPrefix(alert, "handshake failure") && t.asked:
		return t.certificateRefused()
	case strings.HasPrefix(alert, "handshake failure"):
		return "the port speaks TLS, and has no cipher in common with us"
	}
	return ""
}

func (t *tryout) certificateRefused() string {
	files := settings.OTLPClientCertificate.Name() + " and " + settings.OTLPClientKey.Name() + " name its files"
	switch {
	case t.unfit:
		return "the client certificate that is wanted is one of another authority than ours: " + files
	case t.anonymous:
		return "a client certificate is wanted: " + files
	}
	return "our client certificate is refused: " + files
}

// plainly is t without TLS, and without headers and path, which others could read.
func (t *tryout) plainly() *tryout {
	plain := t.as(t.target.transport)
	plain.target.url = &url.URL{Scheme: "http", Host: t.target.url.Host, Path: "/"}
	return plain
}

// as is t by another protocol, without headers: it is to find out what is spoken.
func (t *tryout) as(transport Transport) *tryout {
	other := *t
	other.target.headers, other.target.user, other.target.gzip = nil, nil, false
	other.target.transport = transport
	u := *t.target.url
	if transport == HTTP && t.target.transport == GRPC {
		u = *u.JoinPath(t.signal.path)
	}
	other.target.url = &u
	return &other
}

// speaksTLS reports whether there is any answer to a handshake. Nothing else is sent.
func (t *tryout) speaksTLS(ctx context.Context) bool {
	if t.byProxy { // whoever answers here, it is somebody else
		return false
	}
	conn, failed := dialTo(ctx, t.target.hostPort())
	if failed != "" {
		return false
	}
	defer conn.Close()
	err := tls.Client(conn, &tls.Config{InsecureSkipVerify: true, ServerName: t.target.url.Hostname()}).HandshakeContext(ctx)
	return err == nil || strings.Contains(err.Error(), "remote error: tls: ")
}
