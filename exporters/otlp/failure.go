package otlp

import (
	"errors"
	"net/http"
	"strings"

	"github.com/rusmes/otelmail/exporters/otlp/internal/call"
)

// failureFate judges a request over HTTP that was not answered. Where a setting is wrong,
// such as a certificate that does not match or a port that does not speak HTTP, trying
// again soon only delays the error. Everything else is a receiver, or something on the way
// to it, that is absent, overloaded or restarting: HTTP/2 alone has a dozen ways to say so
// (GOAWAY and RST_STREAM, with any code), and net/http exports the types of few of them.
func failureFate(err error) fate {
	var answer *httpError
	if errors.As(err, &answer) {
		return statusFate(answer.code) // a proxy's, to CONNECT
	}
	if errors.Is(err, http.ErrSchemeMismatch) {
		return misconfigured
	}
	text := err.Error()
	for _, passing := range []string{"tls: internal error", "tls: bad record MAC"} {
		if strings.Contains(text, passing) {
			return later
		}
	}
	// crypto/tls and crypto/x509 begin their errors so, and net/http those about what is
	// not HTTP.
	for _, wrong := range []string{"tls: ", "x509: ", "malformed HTTP", "unsupported protocol scheme"} {
		if strings.Contains(text, wrong) {
			return misconfigured
		}
	}
	return later
}

// speaksTLS reports whether the answer to a request in plain text says that the port
// speaks TLS: 400 in the words of Go (and Caddy, Traefik, the Collector), nginx (and load
// balancers made of it), Apache httpd and Tomcat.
func speaksTLS(code int, body []byte) bool {
	if code != http.StatusBadRequest {
		return false
	}
	text := strings.ToLower(string(body))
	for _, words := range []string{
		"http request to an https server",
		"plain http request was sent to https port",
		"speaking plain http to an ssl-enabled server port",
		"combination of host and port requires tls",
	} {
		if strings.Contains(text, words) {
			return true
		}
	}
	return false
}

// brokenOff reports whether a gRPC call ended without the receiver's status: the stream
// was reset, or ended too early. gRPC makes up a status for it, INTERNAL or
// RESOURCE_EXHAUSTED for most codes of RST_STREAM, which from a receiver would be about
// the request.
func brokenOff(s *call.Status) bool {
	switch s.Code {
	case call.Internal, call.ResourceExhausted, call.PermissionDenied, call.Unknown:
		return strings.HasPrefix(s.Message, "stream terminated by RST_STREAM") ||
			s.Message == "server closed the stream without sending trailers"
	}
	return false
}
