package otlp

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"
	"time"

	"google.golang.org/protobuf/proto"
)

// largestReply bounds what is read of an answer, in bytes.
const largestReply = 4 << 20

// httpWire sends requests over HTTP and tries again where that may help. It is
// the transport of the stock exporters' HTTP client.
type httpWire struct {
	signal signal
	retry  *retry
	base   *http.Transport
}

func newHTTPWire(s signal, t target, r *retry) *httpWire {
	return &httpWire{signal: s, retry: r, base: newTransport(t)}
}

func newTransport(t target) *http.Transport {
	return &http.Transport{
		Proxy:                 http.ProxyFromEnvironment,
		DialContext:           (&net.Dialer{Timeout: t.timeout, KeepAlive: 30 * time.Second}).DialContext,
		TLSClientConfig:       t.tls.Clone(),
		TLSHandshakeTimeout:   t.timeout,
		ForceAttemptHTTP2:     true,
		MaxIdleConns:          4,
		IdleConnTimeout:       90 * time.Second,
		ExpectContinueTimeout: time.Second,
	}
}

// client is for the stock exporters. It follows no redirect: that would turn a
// POST into a GET, whose answer 200 is no delivery, or hand the headers to
// another host.
func (w *httpWire) client() *http.Client { return clientOver(w) }

func clientOver(w http.RoundTripper) *http.Client {
	return &http.Client{
		Transport:     w,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

func (w *httpWire) close() { w.base.CloseIdleConnections() }

// RoundTrip implements [http.RoundTripper]. Any answer but 2xx is an error, so
// that all three stock exporters report it alike.
func (w *httpWire) RoundTrip(req *http.Request) (*http.Response, error) {
	if req.Body != nil {
		defer req.Body.Close()
	}
	var resp *http.Response
	err := w.retry.do(req.Context(), func(ctx context.Context) (v verdict) {
		resp, v = w.once(ctx, req) //nolint:bodyclose // returned to the caller, or closed in once before another try
		return v
	})
	if err != nil {
		return nil, err
	}
	return resp, nil
}

func (w *httpWire) once(ctx context.Context, req *http.Request) (*http.Response, verdict) {
	again := req.Clone(ctx)
	if req.GetBody != nil {
		body, err := req.GetBody()
		if err != nil {
			return nil, verdict{err: fmt.Errorf("read the request again: %w", err)}
		}
		again.Body = body
	}
	resp, err := w.base.RoundTrip(again)
	if err != nil {
		return nil, verdict{err: err, again: isPassing(err)}
	}
	defer resp.Body.Close()
	// The answer is read within the attempt, so that its timeout covers it.
	body, err := io.ReadAll(io.LimitReader(resp.Body, largestReply+1))
	if err == nil && len(body) > largestReply {
		return nil, verdict{err: fmt.Errorf("the answer %s is longer than %d bytes", resp.Status, largestReply)}
	}
	if resp.StatusCode < 200 || resp.StatusCode > 299 {
		return nil, verdict{
			err:   &httpError{status: resp.Status, location: resp.Header.Get("Location"), body: body},
			again: isBusy(resp.StatusCode),
			pause: retryAfter(resp.Header.Get("Retry-After"), time.Now()),
		}
	}
	if err != nil {
		return nil, verdict{err: fmt.Errorf("read the answer %s: %w", resp.Status, err), again: isPassing(err)}
	}
	reply := w.signal.newReply()
	if strings.HasPrefix(resp.Header.Get("Content-Type"), "application/x-protobuf") {
		// An answer that cannot be read is reported by the stock exporter; the
		// request was taken all the same.
		_ = proto.Unmarshal(body, reply)
	}
	noteTaken(req.Context(), reply)
	resp.Body = io.NopCloser(bytes.NewReader(body))
	return resp, verdict{}
}

// isBusy names the status codes that the OTLP specification has a client retry
// ("Failures", OTLP/HTTP).
func isBusy(status int) bool {
	switch status {
	case http.StatusTooManyRequests, http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout:
		return true
	}
	return false
}

// isPassing tells an absent, overloaded or restarting receiver from a wrong
// setting, such as a certificate that does not match or a port that does not
// speak HTTP, where trying again only puts off the error.
func isPassing(err error) bool {
	var timeout net.Error
	if errors.As(err, &timeout) && timeout.Timeout() {
		return true
	}
	var dns *net.DNSError
	if errors.As(err, &dns) {
		return true
	}
	var op *net.OpError
	if errors.As(err, &op) {
		// A body that is copied to the connection fails as "readfrom", whatever
		// is wrong with writing.
		return op.Op == "dial" || op.Op == "read" || op.Op == "write" || op.Op == "readfrom"
	}
	return errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, net.ErrClosed)
}

// retryAfter reads the header of that name: seconds or a date (RFC 9110,
// section 10.2.3). 0 for anything else.
func retryAfter(value string, now time.Time) time.Duration {
	if n, err := strconv.ParseUint(value, 10, 32); err == nil {
		return time.Duration(n) * time.Second
	}
	if date, err := http.ParseTime(value); err == nil {
		return max(date.Sub(now), 0)
	}
	return 0
}

// httpError is an answer that is not 2xx.
type httpError struct {
	status, location string
	body             []byte
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

// excerpt bounds a stranger's text in an error.
func excerpt(s string) string { return cut(s, 200) }
