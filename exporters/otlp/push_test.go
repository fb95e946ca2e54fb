package otlp_test

import (
	"strings"
	"testing"
	"time"

	"github.com/rusmes/otelmail/exporters/otlp"
)

func TestAllSignalsArrive(t *testing.T) {
	for _, tt := range []struct {
		name  string
		env   func(*receiver) []string
		opts  func(*receiver) []otlp.Option
		paths string
	}{
		{
			name:  "HTTP by environment",
			env:   func(r *receiver) []string { return []string{"OTEL_EXPORTER_OTLP_ENDPOINT", r.httpURL()} },
			paths: "/v1/logs /v1/metrics /v1/traces",
		},
		{
			name: "gRPC by environment",
			env: func(r *receiver) []string {
				return []string{"OTEL_EXPORTER_OTLP_ENDPOINT", r.grpcURL(), "OTEL_EXPORTER_OTLP_PROTOCOL", "grpc"}
			},
			paths: "LogsService MetricsService TraceService",
		},
		{
			name: "gRPC to a bare address without TLS",
			env: func(r *receiver) []string {
				return []string{
					"OTEL_EXPORTER_OTLP_ENDPOINT", r.grpcAddr, "OTEL_EXPORTER_OTLP_PROTOCOL", "grpc",
					"OTEL_EXPORTER_OTLP_INSECURE", "true",
				}
			},
			paths: "LogsService MetricsService TraceService",
		},
		{
			name:  "HTTP by option",
			opts:  func(r *receiver) []otlp.Option { return []otlp.Option{otlp.Endpoint(r.httpURL() + "/base/")} },
			paths: "/base/v1/logs /base/v1/metrics /base/v1/traces",
		},
		{
			name: "gRPC by option, which wins over the environment",
			env: func(*receiver) []string {
				return []string{"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "http://127.0.0.1:1", "OTEL_EXPORTER_OTLP_PROTOCOL", "http/protobuf"}
			},
			opts: func(r *receiver) []otlp.Option {
				return []otlp.Option{otlp.Endpoint(r.grpcURL()), otlp.Protocol(otlp.GRPC)}
			},
			paths: "LogsService MetricsService TraceService",
		},
		{
			name: "each signal its own endpoint, used as it is",
			env: func(r *receiver) []string {
				return []string{
					"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", r.httpURL() + "/my/traces",
					"OTEL_EXPORTER_OTLP_METRICS_ENDPOINT", r.httpURL() + "/my/metrics",
					"OTEL_EXPORTER_OTLP_LOGS_ENDPOINT", r.grpcURL(),
					"OTEL_EXPORTER_OTLP_LOGS_PROTOCOL", "grpc",
				}
			},
			paths: "LogsService /my/metrics /my/traces",
		},
		{
			name: "options for one signal",
			opts: func(r *receiver) []otlp.Option {
				return []otlp.Option{
					otlp.Endpoint(r.httpURL()),
					otlp.Traces(otlp.Endpoint(r.grpcURL()), otlp.Protocol(otlp.GRPC)),
					otlp.Logs(otlp.Endpoint(r.httpURL() + "/elsewhere/logs")),
				}
			},
			paths: "/elsewhere/logs /v1/metrics TraceService",
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			noLeak(t)
			r := newReceiver(t, nil)
			var pairs []string
			var opts []otlp.Option
			if tt.env != nil {
				pairs = tt.env(r)
			}
			if tt.opts != nil {
				opts = tt.opts(r)
			}
			tel, b := start(t, env(pairs...), push(opts...))
			emitSpans(tel, "a", 7)
			emitLogs(tel, "b", 5)
			count(t, tel, "c", 3)
			if err := shutdown(tel, patience); err != nil {
				t.Fatalf("Shutdown: %v", err)
			}
			spans, records, pushes := r.counts()
			if spans != 7 || records != 5 || pushes != 1 {
				t.Errorf("%d spans, %d records, %d pushes of metrics arrived; want 7, 5, 1", spans, records, pushes)
			}
			if sum, _ := r.sum("c", false); sum != 3 {
				t.Errorf("the counter is %v, want 3", sum)
			}
			joined := strings.Join(r.paths, " ")
			for path := range strings.SplitSeq(tt.paths, " ") {
				if !strings.Contains(joined, path) {
					t.Errorf("no request to %s: %s", path, joined)
				}
			}
			if errs := b.all(); len(errs) != 0 {
				t.Errorf("errors in the background: %q", errs)
			}
		})
	}
}

func TestNothingNamedNothingOpened(t *testing.T) {
	for name, pairs := range map[string][]string{
		"no setting":              nil,
		"other settings":          {"OTEL_EXPORTER_OTLP_TIMEOUT", "500", "OTEL_EXPORTER_OTLP_PROTOCOL", "grpc"},
		"all none":                {"OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:1", "OTEL_TRACES_EXPORTER", "none", "OTEL_METRICS_EXPORTER", "none", "OTEL_LOGS_EXPORTER", "none"},
		"disabled":                {"OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:1", "OTEL_SDK_DISABLED", "true"},
		"metrics are pulled":      {"OTEL_METRICS_EXPORTER", "prometheus"},
		"the older switch is off": {"RUSMES_TRACING_ENABLED", "false", "RUSMES_TRACING_ENDPOINT", "http://127.0.0.1:1"},
	} {
		t.Run(name, func(t *testing.T) {
			noLeak(t)
			tel, b := start(t, env(pairs...), push())
			emitSpans(tel, "a", 3)
			emitLogs(tel, "b", 3)
			if n, stacks := ourGoroutines(); n != 0 {
				t.Errorf("%d goroutines run:\n%s", n, stacks)
			}
			if err := shutdown(tel, patience); err != nil {
				t.Errorf("Shutdown: %v", err)
			}
			if errs := b.all(); len(errs) != 0 {
				t.Errorf("errors in the background: %q", errs)
			}
		})
	}
}

func TestWhichSignalsArePushed(t *testing.T) {
	for _, tt := range []struct {
		name string
		env  func(*receiver) []string
		opts []otlp.Option
		want string
	}{
		{"prometheus serves the metrics", func(r *receiver) []string {
			return []string{"OTEL_EXPORTER_OTLP_ENDPOINT", r.httpURL(), "OTEL_METRICS_EXPORTER", "prometheus"}
		}, nil, "traces logs"},
		{"prometheus and otlp", func(r *receiver) []string {
			return []string{"OTEL_EXPORTER_OTLP_ENDPOINT", r.httpURL(), "OTEL_METRICS_EXPORTER", "prometheus,otlp", "OTEL_TRACES_EXPORTER", "none"}
		}, nil, "metrics logs"},
		{"one endpoint alone", func(r *receiver) []string {
			return []string{"OTEL_EXPORTER_OTLP_LOGS_ENDPOINT", r.httpURL() + "/v1/logs"}
		}, nil, "logs"},
		{"off by option", func(r *receiver) []string {
			return []string{"OTEL_EXPORTER_OTLP_ENDPOINT", r.httpURL(), "OTEL_TRACES_EXPORTER", "otlp"}
		}, []otlp.Option{otlp.Traces(otlp.Off()), otlp.Logs(otlp.Off())}, "metrics"},
		{"the older settings", func(r *receiver) []string {
			return []string{"RUSMES_TRACING_ENABLED", "true", "RUSMES_TRACING_ENDPOINT", r.grpcURL(), "RUSMES_TRACING_PROTOCOL", "grpc"}
		}, nil, "traces"},
		{"the older endpoint alone, over HTTP", func(r *receiver) []string {
			return []string{"RUSMES_TRACING_ENDPOINT", r.httpURL(), "RUSMES_TRACING_PROTOCOL", "http"}
		}, nil, "traces"},
		{"the older endpoint with a path", func(r *receiver) []string {
			return []string{"RUSMES_TRACING_ENDPOINT", r.httpURL() + "/v1/traces"}
		}, nil, "traces"},
		{"the older settings lose", func(r *receiver) []string {
			return []string{
				"RUSMES_TRACING_ENABLED", "false", "RUSMES_TRACING_ENDPOINT", "http://127.0.0.1:1", "RUSMES_TRACING_PROTOCOL", "grpc",
				"OTEL_TRACES_EXPORTER", "otlp", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", r.httpURL() + "/v1/traces",
				"OTEL_EXPORTER_OTLP_PROTOCOL", "http/protobuf",
			}
		}, nil, "traces"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			noLeak(t)
			r := newReceiver(t, nil)
			tel, _ := start(t, env(tt.env(r)...), push(tt.opts...))
			emitSpans(tel, "a", 1)
			emitLogs(tel, "b", 1)
			count(t, tel, "c", 1)
			if err := shutdown(tel, patience); err != nil {
				t.Fatalf("Shutdown: %v", err)
			}
			spans, records, pushes := r.counts()
			var got []string
			for _, s := range []struct {
				name string
				n    int
			}{{"traces", spans}, {"metrics", pushes}, {"logs", records}} {
				if s.n > 0 {
					got = append(got, s.name)
				}
			}
			if joined := strings.Join(got, " "); joined != tt.want {
				t.Errorf("pushed: %s; want: %s", joined, tt.want)
			}
		})
	}
}

func TestHeadersAndCompression(t *testing.T) {
	for _, protocol := range []string{"http/protobuf", "grpc"} {
		t.Run(protocol, func(t *testing.T) {
			noLeak(t)
			r := newReceiver(t, nil)
			endpoint := strings.Replace(r.httpURL(), "http://", "http://user:pass%20word@", 1)
			if protocol == "grpc" {
				endpoint = strings.Replace(r.grpcURL(), "http://", "http://user:pass%20word@", 1)
			}
			tel, _ := start(t, env(
				"OTEL_EXPORTER_OTLP_PROTOCOL", protocol,
				"OTEL_EXPORTER_OTLP_ENDPOINT", endpoint,
				"OTEL_EXPORTER_OTLP_HEADERS", "x-tenant=mail%20one, x-key = a=b ,",
				"OTEL_EXPORTER_OTLP_LOGS_HEADERS", "x-logs=own",
				"OTEL_EXPORTER_OTLP_COMPRESSION", "gzip",
				"OTEL_EXPORTER_OTLP_METRICS_COMPRESSION", "none",
			), push())
			emitSpans(tel, "a", 1)
			emitLogs(tel, "b", 1)
			count(t, tel, "c", 1)
			if err := shutdown(tel, patience); err != nil {
				t.Fatalf("Shutdown: %v", err)
			}
			r.mu.Lock()
			defer r.mu.Unlock()
			if len(r.paths) != 3 {
				t.Fatalf("%d requests, want 3", len(r.paths))
			}
			for i, path := range r.paths {
				h := r.headers[i]
				if h["authorization"] != "Basic dXNlcjpwYXNzIHdvcmQ=" {
					t.Errorf("%s: authorization is %q", path, h["authorization"])
				}
				isLogs := strings.Contains(strings.ToLower(path), "logs")
				if isLogs && (h["x-logs"] != "own" || h["x-tenant"] != "") {
					t.Errorf("%s: the signal's own headers do not replace the common ones: %q", path, h)
				}
				if !isLogs && (h["x-tenant"] != "mail one" || h["x-key"] != "a=b") {
					t.Errorf("%s: headers %q", path, h)
				}
				want := "gzip"
				if strings.Contains(strings.ToLower(path), "metrics") {
					want = ""
				}
				if protocol != "grpc" && r.encodings[i] != want {
					t.Errorf("%s: encoding %q, want %q", path, r.encodings[i], want)
				}
			}
		})
	}
}

func TestOptionsOfConnection(t *testing.T) {
	noLeak(t)
	r := newReceiver(t, nil)
	tel, _ := start(t, env("OTEL_EXPORTER_OTLP_HEADERS", "x-from=environment", "OTEL_EXPORTER_OTLP_COMPRESSION", "none"),
		push(
			otlp.Endpoint(r.httpURL()),
			otlp.Headers(map[string]string{"X-All": "all"}),
			otlp.Traces(otlp.Headers(map[string]string{"X-Own": "own"}), otlp.Compression(otlp.Gzip)),
			otlp.Timeout(3*time.Second), otlp.Interval(time.Hour), otlp.Temporality(otlp.Cumulative),
		))
	emitSpans(tel, "a", 1)
	emitLogs(tel, "b", 1)
	if err := shutdown(tel, patience); err != nil {
		t.Fatalf("Shutdown: %v", err)
	}
	h := r.allHeaders()
	if h["x-own"] != "own" || h["x-all"] != "all" || h["x-from"] != "" || h["content-encoding"] != "gzip" {
		t.Errorf("headers: %q", h)
	}
}
