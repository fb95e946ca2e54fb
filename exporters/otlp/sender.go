package otlp

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/metadata"
	"google.golang.org/protobuf/proto"
)

// sender makes one attempt to send a serialised request.
type sender interface {
	send(ctx context.Context, body []byte) outcome
	// hurry has the next attempt not wait for a connection's own pause.
	hurry()
	close() error
}

func newSender(s signal, t target) (sender, error) {
	if t.transport == HTTP {
		return &poster{signal: s, target: t, base: newTransport(t)}, nil
	}
	conn, err := dial(t)
	if err != nil {
		return nil, err
	}
	return &caller{signal: s, target: t, conn: conn}, nil
}

// poster sends over HTTP.
type poster struct {
	signal signal
	target target
	base   *http.Transport
}

func (p *poster) hurry()       {}
func (p *poster) close() error { p.base.CloseIdleConnections(); return nil }

func (p *poster) send(ctx context.Context, body []byte) outcome {
	if p.target.gzip {
		var z bytes.Buffer
		w := gzip.NewWriter(&z)
		if _, err := w.Write(body); err != nil {
			return outcome{fate: refused, err: fmt.Errorf("compress the request: %w", err)}
		}
		if err := w.Close(); err != nil {
			return outcome{fate: refused, err: fmt.Errorf("compress the request: %w", err)}
		}
		body = z.Bytes()
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, p.target.url.String(), bytes.NewReader(body))
	if err != nil {
		return outcome{fate: mending, err: fmt.Errorf("make a request: %w", err)}
	}
	req.Header.Set("User-Agent", "otelmail")
	for name, value := range p.target.headers {
		req.Header.Set(name, value)
	}
	req.Header.Set("Content-Type", "application/x-protobuf")
	if p.target.gzip {
		req.Header.Set("Content-Encoding", "gzip")
	}
	// The transport itself: a client would follow redirects.
	resp, err := p.base.RoundTrip(req)
	if err != nil {
		if isPassing(err) || errors.Is(err, context.Canceled) {
			return outcome{fate: later, err: err}
		}
		return outcome{fate: mending, err: err} // a certificate, a port that does not speak HTTP
	}
	defer resp.Body.Close()
	return p.read(resp)
}

func (p *poster) read(resp *http.Response) outcome {
	answer, err := io.ReadAll(io.LimitReader(resp.Body, largestReply))
	if resp.StatusCode < 200 || resp.StatusCode > 299 {
		return outcome{
			fate:  statusFate(resp.StatusCode),
			err:   &httpError{status: resp.Status, location: resp.Header.Get("Location"), body: answer},
			pause: retryAfter(resp.Header.Get("Retry-After"), time.Now()),
		}
	}
	reply := p.signal.newReply()
	if err == nil && strings.HasPrefix(resp.Header.Get("Content-Type"), "application/x-protobuf") {
		err = proto.Unmarshal(answer, reply)
	}
	if err != nil {
		// The status says that it was taken; what follows would have been
		// about a part of it.
		return outcome{err: fmt.Errorf("read the answer %s: %w", resp.Status, err)}
	}
	return takenWith(reply)
}

// takenWith is the outcome of a request that was taken, but maybe for a part.
func takenWith(reply proto.Message) outcome {
	n, text := partialSuccess(reply)
	o := outcome{rejected: max(n, 0)}
	if text != "" {
		o.err = fmt.Errorf("the receiver says: %q", excerpt(text))
	}
	return o
}

// caller sends over gRPC.
type caller struct {
	signal signal
	target target
	conn   *grpc.ClientConn
}

func (c *caller) hurry()       { c.conn.ResetConnectBackoff() }
func (c *caller) close() error { return c.conn.Close() }

func (c *caller) send(ctx context.Context, body []byte) outcome {
	// An attempt is made when it is due, not when gRPC would connect again.
	c.conn.ResetConnectBackoff()
	ctx = metadata.NewOutgoingContext(ctx, metadata.New(c.target.headers))
	reply := c.signal.newReply()
	err := c.conn.Invoke(ctx, c.signal.method, serialised(body), reply, grpc.ForceCodec(passThrough{}))
	if err != nil {
		return callFate(err)
	}
	return takenWith(reply)
}

// serialised is a message that is protobuf already.
type serialised []byte

// passThrough is gRPC's codec for it. Replies are decoded as usual.
type passThrough struct{}

// Name implements [google.golang.org/grpc/encoding.Codec]: what travels is
// ordinary protobuf.
func (passThrough) Name() string { return "proto" }

// Marshal implements [google.golang.org/grpc/encoding.Codec].
func (passThrough) Marshal(v any) ([]byte, error) {
	body, ok := v.(serialised)
	if !ok {
		return nil, fmt.Errorf("a request of type %T", v)
	}
	return body, nil
}

// Unmarshal implements [google.golang.org/grpc/encoding.Codec].
func (passThrough) Unmarshal(data []byte, v any) error {
	m, ok := v.(proto.Message)
	if !ok {
		return fmt.Errorf("a reply of type %T", v)
	}
	return proto.Unmarshal(data, m)
}
