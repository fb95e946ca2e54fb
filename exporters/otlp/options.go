package otlp

import (
	"crypto/tls"
	"errors"
	"fmt"
	"maps"
	"strconv"
	"time"

	"github.com/rusmes/otelmail/exporters/otlp/internal/call"
	"github.com/rusmes/otelmail/internal/settings"
)

// Option configures [Push]. A wrong one makes otelmail.Start fail with an error
// that names the option, the value and what is allowed.
type Option interface{ applyAll(*choices) error }

// SignalOption is an [Option] that applies to all signals in [Push], and to one
// of them in [Traces], [Metrics] and [Logs], where it wins.
type SignalOption interface {
	Option
	applyOne(*choice) error
}

// choices is what the options set.
type choices struct {
	all, traces, metrics, logs choice

	interval    time.Duration // 0: not set
	temporality Preference    // 0: not set
	buffer      bufferChoice
	maxAge      time.Duration  // of HealthCheck; 0: no check
	grpc        call.Transport // nil: HTTP alone
}

// choice is what they set for one signal. Zero values mean "not set".
type choice struct {
	off         bool
	endpoint    string
	transport   Transport
	headers     map[string]string
	tls         *tls.Config
	compression Encoding
	timeout     time.Duration
	pings       pings // for tests
}

type option func(*choices) error

func (f option) applyAll(c *choices) error { return f(c) }

type signalOption func(*choice) error

func (f signalOption) applyAll(c *choices) error { return f(&c.all) }
func (f signalOption) applyOne(c *choice) error  { return f(c) }

// Traces applies opts to traces alone.
func Traces(opts ...SignalOption) Option {
	return option(func(c *choices) error { return applyTo(&c.traces, "otlp.Traces", opts) })
}

// Metrics applies opts to metrics alone.
func Metrics(opts ...SignalOption) Option {
	return option(func(c *choices) error { return applyTo(&c.metrics, "otlp.Metrics", opts) })
}

// Logs applies opts to logs alone.
func Logs(opts ...SignalOption) Option {
	return option(func(c *choices) error { return applyTo(&c.logs, "otlp.Logs", opts) })
}

func applyTo(c *choice, name string, opts []SignalOption) error {
	var errs []error
	for i, opt := range opts {
		if opt == nil {
			errs = append(errs, fmt.Errorf("%s: option %d is nil", name, i+1))
			continue
		}
		errs = append(errs, opt.applyOne(c))
	}
	return errors.Join(errs...)
}

// Off keeps a signal from being pushed, whatever the environment says. Default: see the
// package comment.
func Off() SignalOption {
	return signalOption(func(c *choice) error { c.off = true; return nil })
}

// Endpoint names the receiver, as http://host:port or https://host:port. For
// all signals it is a base to which HTTP adds /v1/traces, /v1/metrics or
// /v1/logs; inside [Traces], [Metrics] or [Logs] it is used as it is. A user
// name and password in it become an Authorization header. With gRPC the path
// does not matter, and host:port alone is allowed too. Default:
// OTEL_EXPORTER_OTLP_ENDPOINT and its siblings, else http://localhost:4318, or
// :4317 with gRPC, where OTEL_*_EXPORTER asks for otlp.
func Endpoint(url string) SignalOption {
	return signalOption(func(c *choice) error {
		if url == "" {
			return settings.Invalid("otlp.Endpoint", url, "an address like http://host:4318")
		}
		c.endpoint = url
		return nil
	})
}

// Transport is how OTLP travels.
type Transport uint8

// The transports.
const (
	HTTP Transport = iota + 1 // http/protobuf
	GRPC                      // grpc, which has to be added: see Enable
)

// String returns the value of OTEL_EXPORTER_OTLP_PROTOCOL for t.
func (t Transport) String() string {
	switch t {
	case HTTP:
		return settings.HTTPProtobuf
	case GRPC:
		return settings.GRPC
	}
	return "Transport(" + strconv.Itoa(int(t)) + ")"
}

// Protocol chooses [HTTP] or [GRPC]. Default: OTEL_EXPORTER_OTLP_PROTOCOL, for
// traces then RUSMES_TRACING_PROTOCOL, else HTTP (http/protobuf). GRPC needs [Enable].
func Protocol(t Transport) SignalOption {
	return signalOption(func(c *choice) error {
		if t != HTTP && t != GRPC {
			return settings.Invalid("otlp.Protocol", t.String(), "otlp.HTTP or otlp.GRPC")
		}
		c.transport = t
		return nil
	})
}

// Headers are sent with every request, as HTTP headers or gRPC metadata; they
// replace those of the environment. Names are tokens (RFC 9110, section 5.6.2),
// values printable ASCII. Default: OTEL_EXPORTER_OTLP_HEADERS, else none.
func Headers(headers map[string]string) SignalOption {
	return signalOption(func(c *choice) error {
		for name, value := range headers {
			if err := checkHeader("otlp.Headers", name, value); err != nil {
				return err
			}
		}
		c.headers = maps.Clone(headers)
		if c.headers == nil {
			c.headers = map[string]string{} // set, to none
		}
		return nil
	})
}

// TLS is used for https endpoints, in place of the certificates that the
// environment names. Beside it an http:// endpoint is wrong, unless TLS is for all signals
// and the endpoint for one of them; host:port without a scheme is https. Default: OTEL_EXPORTER_OTLP_CERTIFICATE, CLIENT_CERTIFICATE
// and CLIENT_KEY, else the system's roots and no client certificate.
func TLS(config *tls.Config) SignalOption {
	return signalOption(func(c *choice) error {
		if config == nil {
			return settings.Invalid("otlp.TLS", "nil", "a tls.Config")
		}
		c.tls = config.Clone()
		return nil
	})
}

// Encoding is how request bodies are compressed.
type Encoding uint8

// The encodings.
const (
	None Encoding = iota + 1 // none
	Gzip                     // gzip
)

// String returns the value of OTEL_EXPORTER_OTLP_COMPRESSION for e.
func (e Encoding) String() string {
	switch e {
	case None:
		return settings.None
	case Gzip:
		return settings.Gzip
	}
	return "Encoding(" + strconv.Itoa(int(e)) + ")"
}

// Compression chooses [None] or [Gzip]. Default:
// OTEL_EXPORTER_OTLP_COMPRESSION, else None.
func Compression(e Encoding) SignalOption {
	return signalOption(func(c *choice) error {
		if e != None && e != Gzip {
			return settings.Invalid("otlp.Compression", e.String(), "otlp.None or otlp.Gzip")
		}
		c.compression = e
		return nil
	})
}

// Timeout bounds one attempt to send one batch. Default:
// OTEL_EXPORTER_OTLP_TIMEOUT, else 10 s.
func Timeout(d time.Duration) SignalOption {
	return signalOption(func(c *choice) error {
		if err := settings.CheckMillis("otlp.Timeout", d); err != nil {
			return err
		}
		c.timeout = d
		return nil
	})
}

// Interval is the time between two pushes of metrics, 1 ms to a day. Default:
// OTEL_METRIC_EXPORT_INTERVAL, else 60 s.
func Interval(d time.Duration) Option {
	return option(func(c *choices) error {
		if err := settings.CheckMillis("otlp.Interval", d); err != nil {
			return err
		}
		c.interval = d
		return nil
	})
}

// Preference is whether metrics are pushed as totals or as differences.
type Preference uint8

// The preferences, as the OTLP metrics exporter specification defines them.
const (
	Cumulative Preference = iota + 1 // totals since the start
	Delta                            // differences, except for up-down counters
	LowMemory                        // differences for synchronous counters and histograms alone
)

// String returns the value of the environment variable for p.
func (p Preference) String() string {
	switch p {
	case Cumulative:
		return settings.Cumulative
	case Delta:
		return settings.Delta
	case LowMemory:
		return settings.LowMemory
	}
	return "Preference(" + strconv.Itoa(int(p)) + ")"
}

// Temporality chooses [Cumulative], [Delta] or [LowMemory]. All except Cumulative
// need a second aggregation of every event beside the one for /metrics. Default:
// OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE, else Cumulative.
func Temporality(p Preference) Option {
	return option(func(c *choices) error {
		if p < Cumulative || p > LowMemory {
			return settings.Invalid("otlp.Temporality", p.String(), "otlp.Cumulative, otlp.Delta or otlp.LowMemory")
		}
		c.temporality = p
		return nil
	})
}
