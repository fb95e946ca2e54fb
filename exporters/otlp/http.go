package otlp

import (
	"bytes"
	"compress/gzip"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// largestReply bounds how much of an answer is read, in bytes.
const largestReply = 4 << 20

// poster makes attempts over HTTP.
type poster struct {
	signal signal
	target target
	over   connection

	mu     sync.Mutex
	base   *http.Transport // nil: none yet
	config *tls.Config     // that base was made with
}

func newPoster(s signal, t target) *poster { return &poster{signal: s, target: t} }

func (p *poster) close() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.base != nil {
		p.base.CloseIdleConnections()
	}
	return nil
}

// transport is one that uses the certificates as they are now.
func (p *poster) transport() *http.Transport {
	config := p.target.tls.current()
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.base != nil && p.config == config {
		return p.base
	}
	if p.base != nil {
		p.base.CloseIdleConnections()
	}
	p.base, p.config = newTransport(p.target, config), config
	return p.base
}

func newTransport(t target, config *tls.Config) *http.Transport {
	return &http.Transport{
		Proxy: http.ProxyFromEnvironment,
		// Without it the error is the words of the proxy's status, and no more.
		OnProxyConnectResponse: func(_ context.Context, _ *url.URL, _ *http.Request, resp *http.Response) error {
			if resp.StatusCode == http.StatusOK {
				return nil
			}
			return fmt.Errorf("the proxy: %w", newHTTPError(resp, nil))
		},
		DialContext:           (&net.Dialer{Timeout: t.timeout, KeepAlive: 30 * time.Second}).DialContext,
		TLSClientConfig:       config.Clone(),
		TLSHandshakeTimeout:   t.timeout,
		ForceAttemptHTTP2:     true,
		HTTP2:                 &http.HTTP2Config{SendPingTimeout: t.pings.idle, PingTimeout: t.pings.answer},
		MaxIdleConns:          4,
		IdleConnTimeout:       90 * time.Second,
		ExpectContinueTimeout: time.Second,
	}
}

// send makes one attempt with a serialised request.
func (p *poster) send(ctx context.Context, body []byte) outcome {
	req, err := p.request(ctx, body)
	if err != nil {
		return outcome{fate: misconfigured, err: err}
	}
	return p.post(req)
}

// request makes the HTTP request for a serialised one.
func (p *poster) request(ctx context.Context, body []byte) (*http.Request, error) {
	if p.target.gzip {
		var z bytes.Buffer
		w := gzip.NewWriter(&z)
		_, err := w.Write(body)
		if err := errors.Join(err, w.Close()); err != nil {
			return nil, fmt.Errorf("compress the request: %w", err)
		}
		body = z.Bytes()
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, p.target.url.String(), bytes.NewReader(body))
	if err != nil {
		return nil, fmt.Errorf("make a request: %w", err)
	}
	req.Header.Set("User-Agent", "otelmail")
	for name, value := range p.target.headers {
		req.Header.Set(name, value)
	}
	req.Header.Set("Content-Type", "application/x-protobuf")
	if p.target.gzip {
		req.Header.Set("Content-Encoding", "gzip")
	}
	return req, nil
}

// post makes one attempt. It uses the transport without a client: a client would follow
// redirects, which turn a POST into a GET, whose answer 200 means no delivery, or hand
// the headers to another host.
func (p *poster) post(req *http.Request) (o outcome) {
	ctx := req.Context()
	defer p.over.hangUpLate(ctx)
	var reached atomic.Bool
	defer func() { o.reached = reached.Load() }()
	resp, err := p.transport().RoundTrip(req.WithContext(p.over.traced(ctx, &reached)))
	if err != nil {
		return outcome{fate: failureFate(err), err: err}
	}
	defer resp.Body.Close()
	// The answer is read within the attempt, so that its timeout covers it.
	answer, err := io.ReadAll(io.LimitReader(resp.Body, largestReply))
	if resp.StatusCode < 200 || resp.StatusCode > 299 {
		o = outcome{fate: statusFate(resp.StatusCode), err: newHTTPError(resp, answer), pause: retryAfter(resp.Header, time.Now())}
		if req.URL.Scheme == "http" && speaksTLS(resp.StatusCode, answer) {
			o.fate, o.err = misconfigured, fmt.Errorf("the port speaks TLS, the endpoint must begin with https: %w", o.err)
		} else if err := readTooOld(resp.StatusCode, answer); err != nil && p.signal.name == metrics.name {
			o.fate, o.err = tooOld, err
		}
		return o
	}
	if strings.HasPrefix(resp.Header.Get("Content-Type"), "text/html") {
		// Whatever the status says: a captive portal, or a proxy's page, has taken nothing.
		return outcome{fate: misconfigured, err: fmt.Errorf("a web page answers, and no receiver: %w", newHTTPError(resp, nil))}
	}
	if !strings.HasPrefix(resp.Header.Get("Content-Type"), "application/x-protobuf") {
		answer = nil
	}
	if err == nil {
		o, err = takenWith(answer)
	}
	if err != nil {
		// The status says that the request was taken; the body would only have said
		// whether a part of it was rejected.
		return outcome{err: fmt.Errorf("read the answer %s: %w", resp.Status, err)}
	}
	return o
}

// retryAfter reads Retry-After: seconds or a date (RFC 9110, section 10.2.3). It returns 0
// for anything else. The answer's own date, if it has one, is the time from which a date
// counts: the two clocks may differ.
func retryAfter(h http.Header, now time.Time) time.Duration {
	value := h.Get("Retry-After")
	n, err := strconv.ParseUint(value, 10, 32)
	if err == nil || errors.Is(err, strconv.ErrRange) {
		return time.Duration(n) * time.Second
	}
	date, err := http.ParseTime(value)
	if err != nil {
		return 0
	}
	if answered, err := http.ParseTime(h.Get("Date")); err == nil {
		now = answered
	}
	return max(date.Sub(now), 0)
}

// httpError is an answer that is not 2xx.
type httpError struct {
	code             int
	status, location string
	body             []byte
}

func newHTTPError(resp *http.Response, body []byte) *httpError {
	return &httpError{code: resp.StatusCode, status: resp.Status, location: resp.Header.Get("Location"), body: body}
}

func (e *httpError) Error() string {
	text := "the receiver answered " + e.status
	if e.location != "" {
		text += fmt.Sprintf(", which sends to %q", excerpt(e.location))
	}
	if body := strings.TrimSpace(string(e.body)); body != "" {
		text += fmt.Sprintf(": %q", excerpt(body))
	}
	return text
}

// excerpt bounds a stranger's text in an error. What is shown of it is less: a secret in
// it must be whole to be found and hidden before.
func excerpt(s string) string { return cut(s, 20_000) }
