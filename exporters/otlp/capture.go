package otlp

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
)

// The stock exporters do not export the functions that turn telemetry into protobuf. So
// they are given a transport that keeps the body of the request instead of sending it;
// the body is what is stored.

type captureKey struct{}

// capturing is that transport.
type capturing struct{}

// RoundTrip implements [http.RoundTripper].
func (capturing) RoundTrip(req *http.Request) (*http.Response, error) {
	body, ok := req.Context().Value(captureKey{}).(*[]byte)
	if !ok {
		return nil, errors.New("a request that nobody waits for")
	}
	if req.Body != nil {
		defer req.Body.Close()
		var err error
		if *body, err = io.ReadAll(req.Body); err != nil {
			return nil, fmt.Errorf("read the request: %w", err)
		}
	}
	return okResponse(req), nil
}

// captureTarget and captureWire make a stock exporter that sends nothing.
func captureTarget() target {
	return target{
		address:   address{url: &url.URL{Scheme: "http", Host: "buffer.invalid", Path: "/"}},
		transport: HTTP,
		headers:   map[string]string{},
	}
}

func captureWire() wire { return wire{http: &http.Client{Transport: capturing{}}} }

// capture returns the request that export makes. It has no deadline, since nothing
// leaves the process.
func capture(export func(context.Context) error) ([]byte, error) {
	var body []byte
	err := guard(func() error { return export(context.WithValue(context.Background(), captureKey{}, &body)) })
	if err == nil && len(body) == 0 {
		err = errors.New("the exporter made no request")
	}
	return body, err
}
