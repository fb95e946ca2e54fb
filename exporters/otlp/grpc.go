package otlp

import (
	"context"
	"fmt"
	"time"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc"
	"google.golang.org/grpc/backoff"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/encoding/gzip"
	"google.golang.org/grpc/status"
)

// dial prepares a connection without making it: that happens with the first
// request.
func dial(t target, more ...grpc.DialOption) (*grpc.ClientConn, error) {
	creds := insecure.NewCredentials()
	if t.url.Scheme == "https" {
		creds = credentials.NewTLS(t.tls.Clone())
	}
	opts := []grpc.DialOption{
		grpc.WithTransportCredentials(creds),
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
		return nil, fmt.Errorf("prepare a connection to %s: %w", t.url, err)
	}
	return conn, nil
}

// intercept tries a call again where that may help.
func intercept(r *retry) grpc.UnaryClientInterceptor {
	return func(ctx context.Context, method string, req, reply any, conn *grpc.ClientConn, call grpc.UnaryInvoker, opts ...grpc.CallOption) error {
		err := r.do(ctx, func(ctx context.Context) verdict {
			select {
			case <-r.stopping:
				conn.ResetConnectBackoff()
			default:
			}
			return judge(call(ctx, method, req, reply, conn, opts...))
		})
		if err == nil {
			noteTaken(ctx, reply)
		}
		return err
	}
}

// judge follows the OTLP specification ("Failures", OTLP/gRPC).
func judge(err error) verdict {
	if err == nil {
		return verdict{}
	}
	s := status.Convert(err)
	pause, asked := retryInfo(s)
	v := verdict{err: err, pause: pause}
	switch s.Code() {
	case codes.Canceled, codes.DeadlineExceeded, codes.Aborted, codes.OutOfRange, codes.Unavailable, codes.DataLoss:
		v.again = true
	case codes.ResourceExhausted:
		v.again = asked
	}
	return v
}

func retryInfo(s *status.Status) (pause time.Duration, asked bool) {
	for _, detail := range s.Details() {
		if info, ok := detail.(*errdetails.RetryInfo); ok {
			return info.GetRetryDelay().AsDuration(), true
		}
	}
	return 0, false
}
