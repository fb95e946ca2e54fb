package otlp

import (
	"context"
	"fmt"
	"net"

	"google.golang.org/grpc"
	"google.golang.org/grpc/backoff"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/encoding/gzip"
	"google.golang.org/grpc/keepalive"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/peer"
	"google.golang.org/protobuf/proto"
)

// handshakes makes connections ready for gRPC, with the certificates as they are then, and
// tells over.
type handshakes struct {
	credentials.TransportCredentials // for what does not change
	target                           target
	over                             *connection
}

func newHandshakes(t target, over *connection) handshakes {
	h := handshakes{target: t, over: over}
	h.TransportCredentials = h.now()
	return h
}

func (h handshakes) now() credentials.TransportCredentials {
	if h.target.url.Scheme != "https" {
		return insecure.NewCredentials()
	}
	return credentials.NewTLS(h.target.tls.current().Clone())
}

// ClientHandshake implements [credentials.TransportCredentials].
func (h handshakes) ClientHandshake(ctx context.Context, authority string, conn net.Conn) (net.Conn, credentials.AuthInfo, error) {
	h.over.use(conn)
	return h.now().ClientHandshake(ctx, authority, conn)
}

// Clone implements [credentials.TransportCredentials].
func (h handshakes) Clone() credentials.TransportCredentials { return h }

// dial prepares a connection, which is made with the first request, and again when it is
// broken or was hung up.
func dial(t target, over *connection, more ...grpc.DialOption) (*grpc.ClientConn, error) {
	opts := []grpc.DialOption{
		grpc.WithTransportCredentials(newHandshakes(t, over)),
		// By default a server of gRPC takes a third ping without an answer in between
		// for an attack (ENHANCE_YOUR_CALM), and each one while no call is under way.
		grpc.WithKeepaliveParams(keepalive.ClientParameters{Time: t.timeout / 2, Timeout: t.pings.answer}),
		grpc.WithUserAgent("otelmail"),
		// gRPC's own pauses between connections grow to two minutes, longer
		// than we try for.
		grpc.WithConnectParams(grpc.ConnectParams{
			Backoff:           backoff.Config{BaseDelay: firstPause, Multiplier: 2, Jitter: 0.5, MaxDelay: longestPause},
			MinConnectTimeout: t.timeout,
		}),
	}
	if t.gzip {
		opts = append(opts, grpc.WithDefaultCallOptions(grpc.UseCompressor(gzip.Name)))
	}
	// passthrough leaves the name to the dialer, which looks it up at every
	// attempt; gRPC's own resolver waits for 30 s after one that failed.
	conn, err := grpc.NewClient("passthrough:///"+t.hostPort(), append(opts, more...)...)
	if err != nil {
		return nil, fmt.Errorf("prepare a connection to %s: %w", t.shown(), err)
	}
	return conn, nil
}

// caller makes attempts over gRPC.
type caller struct {
	signal signal
	target target
	over   *connection
	conn   *grpc.ClientConn
}

func newCaller(s signal, t target) (*caller, error) {
	c := &caller{signal: s, target: t, over: &connection{}}
	var err error
	c.conn, err = dial(t, c.over)
	return c, err
}

func (c *caller) close() error { return c.conn.Close() }

// send makes one attempt with a serialised request.
func (c *caller) send(ctx context.Context, body []byte) outcome {
	ctx = metadata.NewOutgoingContext(ctx, metadata.New(c.target.headers))
	reply := c.signal.newReply()
	var to peer.Peer
	o := call(ctx, c.conn, c.over, reply, func() error {
		return c.conn.Invoke(ctx, c.signal.method, serialised(body), reply, grpc.ForceCodec(passThrough{}), grpc.Peer(&to))
	})
	o.reached = to.Addr != nil
	return o
}

// call makes one attempt at once, even if gRPC would wait before connecting again.
func call(ctx context.Context, conn *grpc.ClientConn, over *connection, reply any, invoke func() error) outcome {
	defer over.hangUpLate(ctx)
	conn.ResetConnectBackoff()
	return callOutcome(invoke(), reply)
}

// intercept is beneath a stock exporter and tries a call again where that may help.
func (r *retry) intercept(over *connection) grpc.UnaryClientInterceptor {
	return func(ctx context.Context, method string, req, reply any, conn *grpc.ClientConn, invoke grpc.UnaryInvoker, opts ...grpc.CallOption) error {
		o := r.do(ctx, func(ctx context.Context) outcome {
			return call(ctx, conn, over, reply, func() error { return invoke(ctx, method, req, reply, conn, opts...) })
		})
		answered(ctx, o)
		if o.fate != taken {
			return o.err
		}
		return nil
	}
}

// serialised is a message that is protobuf already.
type serialised []byte

// passThrough is gRPC's codec for serialised. Replies are decoded as usual.
type passThrough struct{}

// Name implements [google.golang.org/grpc/encoding.Codec]: what is sent is ordinary
// protobuf.
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
