package otlp

import (
	"context"
	"fmt"
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

// The stock exporters turn telemetry into protobuf. They also read the process's
// environment themselves and only log what is wrong there, so every setting is
// given to them as an option, which wins, and the connection is ours: that
// leaves them no say over TLS, timeouts and retries.

// wire is a connection that all stock exporters can use.
type wire struct {
	http  *http.Client     // nil with gRPC
	grpc  *grpc.ClientConn // nil with HTTP
	close func() error
}

func newWire(s signal, t target, r *retry) (wire, error) {
	if t.transport == HTTP {
		w := newHTTPWire(s, t, r)
		return wire{http: w.client(), close: func() error { w.close(); return nil }}, nil
	}
	conn, err := dial(t, grpc.WithUnaryInterceptor(intercept(r)))
	if err != nil {
		return wire{}, err
	}
	return wire{grpc: conn, close: conn.Close}, nil
}

func newSpanExporter(ctx context.Context, t target, w wire) (sdktrace.SpanExporter, error) {
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

// The console exporters write to what standard output is when they are opened.

func newSpanConsole() (sdktrace.SpanExporter, error) {
	e, err := stdouttrace.New(stdouttrace.WithWriter(os.Stdout))
	if err != nil {
		return nil, fmt.Errorf("open the console: %w", err)
	}
	return e, nil
}

func newMetricConsole() (sdkmetric.Exporter, error) {
	e, err := stdoutmetric.New(stdoutmetric.WithWriter(os.Stdout))
	if err != nil {
		return nil, fmt.Errorf("open the console: %w", err)
	}
	return e, nil
}

func newLogConsole() (sdklog.Exporter, error) {
	e, err := stdoutlog.New(stdoutlog.WithWriter(os.Stdout))
	if err != nil {
		return nil, fmt.Errorf("open the console: %w", err)
	}
	return e, nil
}
