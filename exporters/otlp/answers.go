package otlp

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"regexp"
	"strconv"
	"strings"

	"github.com/rusmes/otelmail/exporters/otlp/internal/call"
	"github.com/rusmes/otelmail/internal/settings"
)

const (
	refusesEmpty = "a receiver of OTLP answers, and refuses a request that is empty: whether it takes others is not known"
	proxyLogin   = "a proxy wants a user and a password (407): they stand in HTTP_PROXY or HTTPS_PROXY"
	noTunnel     = "it makes no way to the receiver: %s"
)

// post tries OTLP over HTTP.
func (t *tryout) post(ctx context.Context) verdict {
	p := newPoster(t.signal, t.target)
	defer p.close()
	req, err := p.request(ctx, nil)
	if err != nil {
		return wrongly("%v", err)
	}
	resp, err := p.transport().RoundTrip(req)
	if err != nil {
		return t.unanswered(ctx, err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(io.LimitReader(resp.Body, largestReply))
	if err != nil && isLate(ctx, err) {
		return wrongly("the port begins to answer (%s) and does not end in time", statusLine(resp.StatusCode))
	}
	return t.answered(resp, body)
}

// answered judges an answer over HTTP.
func (t *tryout) answered(resp *http.Response, body []byte) verdict {
	kind, _, _ := strings.Cut(resp.Header.Get("Content-Type"), ";")
	kind = strings.ToLower(strings.TrimSpace(kind))
	isOTLP := kind == "application/x-protobuf" || kind == "" && len(body) == 0
	who := "the port"
	if proxy := proxyBehind(resp.Header); proxy != "" && !isOTLP {
		who = "a proxy (" + proxy + ")"
	}
	switch code := resp.StatusCode; {
	case strings.HasPrefix(kind, "application/grpc"):
		return t.useGRPC()
	case code == http.StatusProxyAuthRequired:
		return wrongly(proxyLogin)
	case code >= 200 && code <= 299 && isOTLP:
		return t.taken(body)
	case code == http.StatusUnauthorized, code == http.StatusForbidden:
		return wrongly("%s answers %s: %s", who, statusLine(code), t.whoPushes())
	case code >= 300 && code <= 399:
		return wrongly("%s answers %s and sends to %s, where no push goes", who, statusLine(code), elsewhere(resp.Header.Get("Location")))
	case code == http.StatusNotFound, code == http.StatusMethodNotAllowed:
		return wrongly("%s answers %s: no receiver of OTLP is at this path", who, statusLine(code))
	case t.target.url.Scheme == "http" && speaksTLS(code, body):
		return wrongly(portSpeaksTLS)
	case kind == "text/html":
		return wrongly("%s answers %s with a web page: no receiver of OTLP does", who, statusLine(code))
	case code == http.StatusBadRequest && isOTLP:
		return unwise(refusesEmpty)
	case code >= 200 && code <= 299:
		return unwise(fmt.Sprintf("%s answers %s, but not as a receiver of OTLP (%q)", who, statusLine(code), cut(kind, 100)))
	case code == http.StatusTooManyRequests, code >= 500:
		return wrongly("%s answers %s: it takes nothing now", who, statusLine(code))
	}
	return wrongly("%s answers %s: %s", who, statusLine(resp.StatusCode), cut(fmt.Sprintf("%q", t.target.words().secrets.Replace(string(body))), 200))
}

// statusLine is the status by its number, in our words: a stranger may write anything behind
// it.
func statusLine(code int) string {
	return strings.TrimSpace(fmt.Sprintf("%d %s", code, http.StatusText(code)))
}

// proxyBehind is what tells that an answer is a proxy's own; empty without.
func proxyBehind(h http.Header) string {
	for _, name := range []string{"Via", "X-Squid-Error", "Proxy-Agent"} {
		if h.Get(name) != "" {
			return name
		}
	}
	if server := strings.ToLower(h.Get("Server")); strings.HasPrefix(server, "squid") {
		return "Server"
	}
	return ""
}

// elsewhere is where a receiver sends to, without what may be secret in it.
func elsewhere(location string) string {
	u, err := url.Parse(location)
	if err != nil || u.Host == "" {
		return "another path"
	}
	return fmt.Sprintf("%q", cut(shownHost(u), 200))
}

// whoPushes says which headers were sent, for a receiver that does not like them.
func (t *tryout) whoPushes() string {
	if len(t.target.headers) == 0 {
		return "no header says who pushes, want " + settings.OTLPHeaders.Name()
	}
	return "who pushes is refused, sent was " + strings.Join(names(t.target.headers), ", ")
}

// taken judges the reply of a receiver that has taken the request.
func (t *tryout) taken(body []byte) verdict {
	o, err := takenWith(body)
	if err != nil {
		return unwise("the request is taken, and the answer is not protobuf")
	}
	if o.err != nil {
		return unwise("the request is taken: " + cut(t.target.words().text(o.err), 200))
	}
	return good("an empty request is taken")
}

// unanswered judges an error of net/http.
func (t *tryout) unanswered(ctx context.Context, err error) verdict {
	var tunnel *httpError // a proxy's
	var unverified *tls.CertificateVerificationError
	switch {
	case errors.As(err, &unverified):
		return wrongly("%s", certificateProblem(unverified, t.target.url.Hostname()))
	case errors.As(err, &tunnel) && tunnel.code == http.StatusProxyAuthRequired:
		return wrongly(proxyLogin)
	case errors.As(err, &tunnel):
		return wrongly(noTunnel, statusLine(tunnel.code))
	case t.alert(err.Error()) != "":
		return wrongly("%s", t.alert(err.Error()))
	case isLate(ctx, err):
		return wrongly(silent)
	}
	return t.wrongProtocol(ctx, err)
}

// call tries OTLP over gRPC.
func (t *tryout) call(ctx context.Context) verdict {
	c, err := newCaller(t.signal, t.target)
	if err != nil {
		return wrongly("%v", err)
	}
	defer c.close()
	o := c.send(ctx, nil)
	if o.fate == taken {
		if o.err != nil {
			return unwise("the request is taken: " + cut(t.target.words().text(o.err), 200))
		}
		return good("an empty request is taken")
	}
	s := statusOf(o.err)
	if code := found(connectStatus, s); code == "407" {
		return wrongly(proxyLogin)
	} else if n, err := strconv.Atoi(code); err == nil {
		return wrongly(noTunnel, statusLine(n))
	}
	switch code := found(httpStatus, s); {
	case code == "401", code == "403":
		return wrongly("the port answers %s: %s", code, t.whoPushes())
	case code != "":
		return t.wrongProtocol(ctx, fmt.Errorf("the port answers %s in HTTP, not in gRPC", code))
	case s.Code == call.Unauthenticated, s.Code == call.PermissionDenied:
		return wrongly("the receiver answers %s: %s", s.Code, t.whoPushes())
	case s.Code == call.Unimplemented:
		return wrongly("the port speaks gRPC, and takes no OTLP %s (%s)", t.signal.name, s.Code)
	case t.alert(s.Message) != "":
		return wrongly("%s", t.alert(s.Message))
	case isLate(ctx, o.err), s.Code == call.DeadlineExceeded:
		return wrongly(silent)
	case s.Code == call.InvalidArgument:
		return unwise(refusesEmpty)
	case isGRPC(s), o.reached && !brokenOff(s) && !strings.Contains(s.Message, "error reading from server"):
		return wrongly("the receiver answers %s: %s", s.Code, cut(fmt.Sprintf("%q", t.target.words().secrets.Replace(s.Message)), 200))
	}
	return t.wrongProtocol(ctx, o.err)
}

var (
	// httpStatus is the HTTP status for which gRPC has made up one of its own.
	httpStatus = regexp.MustCompile(`^unexpected HTTP status code received from server: ([0-9]{3})`)
	// connectStatus is that of a proxy that has made no tunnel.
	connectStatus = regexp.MustCompile(`failed to do connect handshake, .{0,20}HTTP/1\.[01] ([0-9]{3})`)
)

// statusOf is what a call ended with.
func statusOf(err error) *call.Status {
	if s, ok := errors.AsType[*call.Status](err); ok {
		return s
	}
	return &call.Status{Code: call.Unknown, Message: err.Error()}
}

func found(pattern *regexp.Regexp, s *call.Status) string {
	found := pattern.FindStringSubmatch(s.Message)
	if found == nil {
		return ""
	}
	return found[1]
}

// isGRPC reports whether a status came from somebody who speaks gRPC.
func isGRPC(s *call.Status) bool {
	switch s.Code {
	case call.Unavailable, call.DeadlineExceeded, call.Canceled, call.Internal, call.Unknown:
		return false
	}
	return found(httpStatus, s) == ""
}

// wrongProtocol finds out what is spoken where a request had no answer in its own protocol.
func (t *tryout) wrongProtocol(ctx context.Context, err error) verdict {
	switch {
	case t.target.url.Scheme == "http" && t.speaksTLS(ctx):
		return wrongly(portSpeaksTLS)
	case t.target.transport == HTTP && t.as(GRPC).speaksGRPC(ctx):
		return t.useGRPC()
	case t.target.transport == GRPC && t.as(HTTP).speaksHTTP(ctx):
		return wrongly("the port speaks HTTP and no gRPC: set %s, or name the port for gRPC", setProtocol(HTTP))
	case t.asked:
		return wrongly("%s", t.certificateRefused())
	case isLate(ctx, err):
		return wrongly(silent)
	}
	if t.byProxy {
		return wrongly("there is no answer: %s", cut(t.target.words().text(err), 200))
	}
	return wrongly("the port speaks neither HTTP nor gRPC")
}

// useGRPC says what to do where a port for gRPC was asked in HTTP.
func (t *tryout) useGRPC() verdict {
	if t.target.grpc == nil {
		return wrongly("the port speaks gRPC: name the port for HTTP; %s", howToEnable)
	}
	return wrongly("the port speaks gRPC: set %s, or name the port for HTTP", setProtocol(GRPC))
}

// speaksGRPC reports whether there is an answer in gRPC, to a request of HTTP/2 as gRPC makes
// it: a message without a byte in it.
func (t *tryout) speaksGRPC(ctx context.Context) bool {
	if t.byProxy && t.target.url.Scheme == "http" {
		return false // a proxy makes no tunnel for it
	}
	other := t.as(GRPC)
	way := newTransport(other.target, other.target.tls.current())
	defer way.CloseIdleConnections()
	way.Protocols = &http.Protocols{}
	way.Protocols.SetHTTP2(true)
	way.Protocols.SetUnencryptedHTTP2(true)
	u := *other.target.url
	u.Path, u.RawPath = t.signal.method, ""
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, u.String(), bytes.NewReader(make([]byte, 5)))
	if err != nil {
		return false
	}
	req.Header.Set("Content-Type", "application/grpc")
	req.Header.Set("TE", "trailers")
	resp, err := way.RoundTrip(req)
	if err != nil {
		return false
	}
	_ = resp.Body.Close()
	return strings.HasPrefix(resp.Header.Get("Content-Type"), "application/grpc")
}

// speaksHTTP reports whether there is an answer in HTTP.
func (t *tryout) speaksHTTP(ctx context.Context) bool {
	p := newPoster(t.signal, t.as(HTTP).target)
	defer p.close()
	req, err := p.request(ctx, nil)
	if err != nil {
		return false
	}
	resp, err := p.transport().RoundTrip(req)
	if err != nil {
		return false
	}
	_ = resp.Body.Close()
	return !strings.HasPrefix(resp.Header.Get("Content-Type"), "application/grpc")
}
