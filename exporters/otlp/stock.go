package otlp

import (
	"context"
	"net/http"
	"os"

	"go.opentelemetry.io/otel/exporters/otlp/otlplog/otlploggrpc"
	"go.opentelemetry.io/otel/exporters/otlp/otlplog/otlploghttp"
	"go.opentelemetry.io/otel/exporters/otlp/otlpmetric/otlpmetricgrpc"
	"go.opentelemetry.io/otel/exporters/otlp/otlpmetric/otlpmetrichttp"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracegrpc"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracehttp"
	"go.opentelemetry.io/otel/exporters/stdout/stdoutlog"
	"go.opentelemetry.io/otel/exporters/stdout/stdoutmetric"
	"go.opentelemetry.io/otel/exporters/stdout/stdouttrace"
	sdklog "go.opentelemetry.io/otel/sdk/log"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"google.golang.org/grpc"
)

// The stock exporters turn telemetry into protobuf, or print it to what os.Stdout is
// when they are opened. They also read the process's environment themselves and only
// log what is wrong there. So every setting is given to them as an option, which wins,
// and the connection is ours: TLS, timeouts and retries are not left to them.

// wire is what a stock exporter sends over: a client, a connection, or neither.
type wire struct {
	http    *http.Client
	grpc    *grpc.ClientConn
	console bool // it prints
	closing func() error
}

func (w wire) close() error {
	if w.closing == nil {
		return nil
	}
	return w.closing()
}

func newWire(s signal, t target, r *retry) (wire, error) {
	if t.transport == HTTP {
		p := newPoster(s, t)
		return wire{http: &http.Client{Transport: repeated{p, r}}, closing: p.close}, nil
	}
	over := &connection{}
	conn, err := dial(t, over, grpc.WithUnaryInterceptor(r.intercept(over)))
	if err != nil {
		return wire{}, err
	}
	return wire{grpc: conn, closing: conn.Close}, nil
}

func newSpanExporter(ctx context.Context, t target, w wire) (sdktrace.SpanExporter, error) {
	if w.console {
		return stdouttrace.New(stdouttrace.WithWriter(os.Stdout))
	}
	if t.transport == GRPC {
		return otlptrace.New(ctx, otlptracegrpc.NewClient(
			otlptracegrpc.WithGRPCConn(w.grpc),
			otlptracegrpc.WithHeaders(t.headers),
			otlptracegrpc.WithTimeout(0), // the retry has the timeout
			otlptracegrpc.WithRetry(otlptracegrpc.RetryConfig{}),
		))
	}
	compression := otlptracehttp.NoCompression
	if t.gzip {
		compression = otlptracehttp.GzipCompression
	}
	return otlptrace.New(ctx, otlptracehttp.NewClient(
		otlptracehttp.WithEndpointURL(t.url.String()),
		otlptracehttp.WithHTTPClient(w.http),
		otlptracehttp.WithTLSClientConfig(nil), // our client has it
		otlptracehttp.WithHeaders(t.headers),
		otlptracehttp.WithCompression(compression),
		otlptracehttp.WithEncoding(otlptracehttp.EncodingProtobuf),
		otlptracehttp.WithRetry(otlptracehttp.RetryConfig{}),
	))
}

func newMetricExporter(ctx context.Context, t target, w wire, k cadence) (sdkmetric.Exporter, error) {
	if w.console {
		return stdoutmetric.New(stdoutmetric.WithWriter(os.Stdout))
	}
	if t.transport == GRPC {
		return otlpmetricgrpc.New(ctx,
			otlpmetricgrpc.WithGRPCConn(w.grpc),
			otlpmetricgrpc.WithHeaders(t.headers),
			otlpmetricgrpc.WithTimeout(0),
			otlpmetricgrpc.WithRetry(otlpmetricgrpc.RetryConfig{}),
			otlpmetricgrpc.WithTemporalitySelector(k.temporality()),
			otlpmetricgrpc.WithAggregationSelector(k.aggregation),
		)
	}
	compression := otlpmetrichttp.NoCompression
	if t.gzip {
		compression = otlpmetrichttp.GzipCompression
	}
	return otlpmetrichttp.New(ctx,
		otlpmetrichttp.WithEndpointURL(t.url.String()),
		otlpmetrichttp.WithHTTPClient(w.http),
		otlpmetrichttp.WithTLSClientConfig(nil),
		otlpmetrichttp.WithHeaders(t.headers),
		otlpmetrichttp.WithCompression(compression),
		otlpmetrichttp.WithRetry(otlpmetrichttp.RetryConfig{}),
		otlpmetrichttp.WithTemporalitySelector(k.temporality()),
		otlpmetrichttp.WithAggregationSelector(k.aggregation),
	)
}

func newLogExporter(ctx context.Context, t target, w wire) (sdklog.Exporter, error) {
	if w.console {
		return stdoutlog.New(stdoutlog.WithWriter(os.Stdout))
	}
	if t.transport == GRPC {
		return otlploggrpc.New(ctx,
			otlploggrpc.WithGRPCConn(w.grpc),
			otlploggrpc.WithHeaders(t.headers),
			otlploggrpc.WithTimeout(0),
			otlploggrpc.WithRetry(otlploggrpc.RetryConfig{}),
		)
	}
	compression := otlploghttp.NoCompression
	if t.gzip {
		compression = otlploghttp.GzipCompression
	}
	return otlploghttp.New(ctx,
		otlploghttp.WithEndpointURL(t.url.String()),
		otlploghttp.WithHTTPClient(w.http),
		otlploghttp.WithTLSClientConfig(nil),
		otlploghttp.WithHeaders(t.headers),
		otlploghttp.WithCompression(compression),
		otlploghttp.WithRetry(otlploghttp.RetryConfig{}),
	)
}
