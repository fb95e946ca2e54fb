// Package call is what exporters/otlp and what speaks gRPC for it have in common, so that a
// program that pushes over HTTP holds nothing of gRPC.
package call

import (
	"context"
	"crypto/tls"
	"net"
	"time"
)

// Transport makes calls.
type Transport interface {
	// Prepare prepares a connection, which is made with the first call, and again when it is
	// broken or was hung up.
	Prepare(Target) (Conn, error)
}

// Target is where and how calls are made.
type Target struct {
	Address string             // host:port
	Method  string             // with the service, from a "/" on
	TLS     func() *tls.Config // that of a connection that is made now; nil: plain text
	Headers map[string]string
	Gzip    bool

	Timeout time.Duration // of one call, and of making a connection
	Pause   time.Duration // the first one between two connections
	Longest time.Duration // the longest one
	Answer  time.Duration // how long a ping waits for its answer
	Using   func(net.Conn)
}

// Conn makes calls, one at a time.
type Conn interface {
	// Call makes one at once, with a request in protobuf.
	Call(ctx context.Context, request []byte) Result
	Close() error
}

// Result is how a call ended.
type Result struct {
	Reply   []byte // protobuf; of a call that ended well alone
	Status  *Status
	Reached bool // there was a connection
}

// Status is why a call did not end well.
type Status struct {
	Code    Code
	Message string
	Asked   bool          // the receiver says when to try again:
	Pause   time.Duration // after that
}

func (s *Status) Error() string { return s.Code.String() + ": " + s.Message }
