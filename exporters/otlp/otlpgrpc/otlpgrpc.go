// Package otlpgrpc lets exporters/otlp push over gRPC. It is a package of its own because
// gRPC adds megabytes to a program that pushes over HTTP, see docs/size.md:
//
//	otlp.Push(otlp.Enable(otlpgrpc.Transport()))
//
// With that OTEL_EXPORTER_OTLP_PROTOCOL=grpc and otlp.Protocol(otlp.GRPC) are possible. The
// settings decide; what they choose without it is http/protobuf still.
package otlpgrpc

import (
	"context"
	"fmt"
	"net"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc"
	"google.golang.org/grpc/backoff"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/encoding/gzip"
	"google.golang.org/grpc/keepalive"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/peer"
	"google.golang.org/grpc/status"

	"github.com/rusmes/otelmail/exporters/otlp/internal/call"
)

// Transport returns gRPC, for otlp.Enable.
func Transport() call.Transport { return transport{} }

type transport struct{}

// conn makes calls of one method.
type conn struct {
	target call.Target
	grpc   *grpc.ClientConn
}

// Prepare implements [call.Transport].
func (transport) Prepare(t call.Target) (call.Conn, error) {
	opts := []grpc.DialOption{
		grpc.WithTransportCredentials(newHandshakes(t)),
		// By default a server of gRPC takes a third ping without an answer in between
		// for an attack (ENHANCE_YOUR_CALM), and each one while no call is under way.
		grpc.WithKeepaliveParams(keepalive.ClientParameters{Time: t.Timeout / 2, Timeout: t.Answer}),
		grpc.WithUserAgent("otelmail"),
		// gRPC's own pauses between connections grow to two minutes, longer
		// than we try for.
		grpc.WithConnectParams(grpc.ConnectParams{
			Backoff:           backoff.Config{BaseDelay: t.Pause, Multiplier: 2, Jitter: 0.5, MaxDelay: t.Longest},
			MinConnectTimeout: t.Timeout,
		}),
		grpc.WithDefaultCallOptions(grpc.ForceCodec(passThrough{})),
	}
	if t.Gzip {
		opts = append(opts, grpc.WithDefaultCallOptions(grpc.UseCompressor(gzip.Name)))
	}
	// passthrough leaves the name to the dialer, which looks it up at every
	// attempt; gRPC's own resolver waits for 30 s after one that failed.
	c, err := grpc.NewClient("passthrough:///"+t.Address, opts...)
	if err != nil {
		return nil, fmt.Errorf("prepare a connection to %s: %w", t.Address, err)
	}
	return &conn{t, c}, nil
}

// Call implements [call.Conn]: at once, even if gRPC would wait before connecting again.
func (c *conn) Call(ctx context.Context, request []byte) (r call.Result) {
	c.grpc.ResetConnectBackoff()
	var to peer.Peer
	ctx = metadata.NewOutgoingContext(ctx, metadata.New(c.target.Headers))
	err := c.grpc.Invoke(ctx, c.target.Method, request, &r.Reply, grpc.Peer(&to))
	r.Reached = to.Addr != nil
	if err != nil {
		r.Status = toStatus(err)
	}
	return r
}

// Close implements [call.Conn].
func (c *conn) Close() error { return c.grpc.Close() }

func toStatus(err error) *call.Status {
	from := status.Convert(err)
	s := &call.Status{Code: call.Code(from.Code()), Message: from.Message()}
	for _, detail := range from.Details() {
		if info, ok := detail.(*errdetails.RetryInfo); ok {
			s.Asked, s.Pause = true, max(info.GetRetryDelay().AsDuration(), 0)
			break
		}
	}
	return s
}

// handshakes makes connections ready for gRPC, with the certificates as they are then, and
// tells of them.
type handshakes struct {
	credentials.TransportCredentials // for what does not change
	target                           call.Target
}

func newHandshakes(t call.Target) handshakes {
	h := handshakes{target: t}
	h.TransportCredentials = h.now()
	return h
}

func (h handshakes) now() credentials.TransportCredentials {
	if h.target.TLS == nil {
		return insecure.NewCredentials()
	}
	return credentials.NewTLS(h.target.TLS().Clone())
}

// ClientHandshake implements [credentials.TransportCredentials].
func (h handshakes) ClientHandshake(ctx context.Context, authority string, c net.Conn) (net.Conn, credentials.AuthInfo, error) {
	h.target.Using(c)
	return h.now().ClientHandshake(ctx, authority, c)
}

// Clone implements [credentials.TransportCredentials].
func (h handshakes) Clone() credentials.TransportCredentials { return h }

// passThrough is gRPC's codec for what is protobuf already.
type passThrough struct{}

// Name implements [google.golang.org/grpc/encoding.Codec]: what is sent is ordinary
// protobuf.
func (passThrough) Name() string { return "proto" }

// Marshal implements [google.golang.org/grpc/encoding.Codec].
func (passThrough) Marshal(v any) ([]byte, error) {
	request, ok := v.([]byte)
	if !ok {
		return nil, fmt.Errorf("a request of type %T", v)
	}
	return request, nil
}

// Unmarshal implements [google.golang.org/grpc/encoding.Codec]. gRPC uses data again.
func (passThrough) Unmarshal(data []byte, v any) error {
	reply, ok := v.(*[]byte)
	if !ok {
		return fmt.Errorf("a reply of type %T", v)
	}
	*reply = append([]byte(nil), data...)
	return nil
}
