package otlp

import (
	"context"
	"errors"

	"github.com/rusmes/otelmail/exporters/otlp/internal/call"
	"github.com/rusmes/otelmail/internal/settings"
)

// Enable adds a transport to those that the settings may choose: that of otlpgrpc.Transport
// makes OTEL_EXPORTER_OTLP_PROTOCOL=grpc and Protocol(GRPC) possible. It chooses nothing.
// Default: HTTP alone, which is always there.
func Enable(t call.Transport) Option {
	return option(func(c *choices) error {
		if t == nil {
			return settings.Invalid("otlp.Enable", "nil", "otlpgrpc.Transport()")
		}
		c.grpc = t
		return nil
	})
}

const (
	otherTransports = settings.HTTPProtobuf + " in this program"
	howToEnable     = "for " + settings.GRPC + " its author adds otlp.Enable(otlpgrpc.Transport()) to otlp.Push, " +
		"of the package github.com/rusmes/otelmail/exporters/otlp/otlpgrpc"
)

// noGRPC is the error of a setting that chooses gRPC where the program has none.
func noGRPC(setting string) error {
	return settings.Invalid(setting, settings.GRPC, otherTransports+"; "+howToEnable)
}

// caller makes attempts over gRPC.
type caller struct {
	over connection
	conn call.Conn
}

func newCaller(s signal, t target) (*caller, error) {
	c := &caller{}
	to := call.Target{
		Address: t.hostPort(), Method: s.method, Headers: t.headers, Gzip: t.gzip,
		Timeout: t.timeout, Pause: firstPause, Longest: longestPause, Answer: t.pings.answer, Using: c.over.use,
	}
	if t.url.Scheme == "https" {
		to.TLS = t.tls.current
	}
	if t.grpc == nil {
		return nil, errors.New("this program has no gRPC: " + howToEnable)
	}
	var err error
	c.conn, err = t.grpc.Prepare(to)
	return c, err
}

func (c *caller) close() error { return c.conn.Close() }

// send makes one attempt with a serialised request.
func (c *caller) send(ctx context.Context, body []byte) outcome {
	defer c.over.hangUpLate(ctx)
	return callOutcome(c.conn.Call(ctx, body))
}
