package otlp_test

import (
	"crypto/tls"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/rusmes/otelmail"
	"github.com/rusmes/otelmail/exporters/otlp"
)

// startError starts with one environment, strictly, and returns what Start says.
func startError(t *testing.T, opts ...otelmail.StartOption) error {
	t.Helper()
	tel, err := otelmail.Start(t.Context(), append(opts, otelmail.WithoutGlobals(), otelmail.WithStrictSettings())...)
	if err == nil {
		_ = shutdown(tel, time.Second)
	}
	return err
}

func TestWrongVariables(t *testing.T) {
	dir := t.TempDir()
	garbage := filepath.Join(dir, "garbage.pem")
	if err := os.WriteFile(garbage, []byte("not a certificate"), 0o600); err != nil {
		t.Fatal(err)
	}
	missing := filepath.Join(dir, "missing.pem")
	const http = "http://host:port or https://host:port"
	const on = "http://127.0.0.1:1"
	for _, tt := range []struct {
		env  []string
		want []string
	}{
		{[]string{"OTEL_TRACES_EXPORTER", "zipkin"}, []string{`OTEL_TRACES_EXPORTER: "zipkin"`, "otlp, console, none"}},
		{[]string{"OTEL_LOGS_EXPORTER", "prometheus"}, []string{`OTEL_LOGS_EXPORTER: "prometheus"`, "otlp, console, none"}},
		{[]string{"OTEL_METRICS_EXPORTER", "otlp,statsd"}, []string{`OTEL_METRICS_EXPORTER: "statsd"`, "otlp, console, none, prometheus"}},
		{[]string{"OTEL_METRICS_EXPORTER", "otlp,none"}, []string{`OTEL_METRICS_EXPORTER: "otlp,none"`, "none alone"}},

		{[]string{"OTEL_EXPORTER_OTLP_ENDPOINT", "ftp://host"}, []string{`OTEL_EXPORTER_OTLP_ENDPOINT: "ftp://host"`, http}},
		{[]string{"OTEL_EXPORTER_OTLP_ENDPOINT", "localhost:4318"}, []string{`OTEL_EXPORTER_OTLP_ENDPOINT: "localhost:4318"`, http}},
		{[]string{"OTEL_EXPORTER_OTLP_ENDPOINT", "http://"}, []string{`"http://"`, "no host"}},
		{[]string{"OTEL_EXPORTER_OTLP_ENDPOINT", "http://:4318"}, []string{`"http://:4318"`, "no host"}},
		{[]string{"OTEL_EXPORTER_OTLP_ENDPOINT", "http://host:99999"}, []string{`"http://host:99999"`, "port"}},
		{[]string{"OTEL_EXPORTER_OTLP_ENDPOINT", "http://host:/"}, []string{`"http://host:/"`, "port"}},
		{[]string{"OTEL_EXPORTER_OTLP_ENDPOINT", "http://ho st/"}, []string{`"http://ho st/"`, "not a URL"}},
		{[]string{"OTEL_EXPORTER_OTLP_ENDPOINT", "http://host/?key=hush"}, []string{`"http://host/?…"`, "query"}},
		{[]string{"OTEL_EXPORTER_OTLP_ENDPOINT", "ftp://user:hush@host"}, []string{`"ftp://…@host"`}},
		{[]string{"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "ftp://host"}, []string{"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT"}},
		{[]string{"OTEL_EXPORTER_OTLP_METRICS_ENDPOINT", "/v1/metrics"}, []string{"OTEL_EXPORTER_OTLP_METRICS_ENDPOINT"}},
		{[]string{"OTEL_EXPORTER_OTLP_LOGS_ENDPOINT", "//host"}, []string{"OTEL_EXPORTER_OTLP_LOGS_ENDPOINT"}},
		{[]string{"OTEL_EXPORTER_OTLP_LOGS_ENDPOINT", "host:x", "OTEL_EXPORTER_OTLP_PROTOCOL", "grpc"}, []string{"OTEL_EXPORTER_OTLP_LOGS_ENDPOINT", "or host:port"}},
		{[]string{"RUSMES_TRACING_ENDPOINT", "nowhere"}, []string{`RUSMES_TRACING_ENDPOINT: "nowhere"`, http}},
		{[]string{"RUSMES_TRACING_ENABLED", "yes"}, []string{`RUSMES_TRACING_ENABLED: "yes"`, "one of true, false"}},
		{[]string{"RUSMES_TRACING_PROTOCOL", "udp"}, []string{`RUSMES_TRACING_PROTOCOL: "udp"`, "grpc, http"}},

		{[]string{"OTEL_EXPORTER_OTLP_PROTOCOL", "http/json"}, []string{`OTEL_EXPORTER_OTLP_PROTOCOL: "http/json"`, "grpc, http/protobuf"}},
		{[]string{"OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "udp"}, []string{"OTEL_EXPORTER_OTLP_TRACES_PROTOCOL"}},
		{[]string{"OTEL_EXPORTER_OTLP_METRICS_PROTOCOL", "udp"}, []string{"OTEL_EXPORTER_OTLP_METRICS_PROTOCOL"}},
		{[]string{"OTEL_EXPORTER_OTLP_LOGS_PROTOCOL", "udp"}, []string{"OTEL_EXPORTER_OTLP_LOGS_PROTOCOL"}},

		{[]string{"OTEL_EXPORTER_OTLP_HEADERS", "hush"}, []string{"OTEL_EXPORTER_OTLP_HEADERS: header 1", "name=value"}},
		{[]string{"OTEL_EXPORTER_OTLP_HEADERS", "a=b,c=hush%zz"}, []string{"OTEL_EXPORTER_OTLP_HEADERS: the value of header 2"}},
		{[]string{"OTEL_EXPORTER_OTLP_HEADERS", "a b=hush"}, []string{`OTEL_EXPORTER_OTLP_HEADERS: "a b"`}},
		{[]string{"OTEL_EXPORTER_OTLP_HEADERS", "=hush"}, []string{`OTEL_EXPORTER_OTLP_HEADERS: ""`}},
		{[]string{"OTEL_EXPORTER_OTLP_HEADERS", "a=hush%0d%0aEvil:1"}, []string{`OTEL_EXPORTER_OTLP_HEADERS: the value of header "a"`, "printable ASCII"}},
		{[]string{"OTEL_EXPORTER_OTLP_LOGS_HEADERS", "hush"}, []string{"OTEL_EXPORTER_OTLP_LOGS_HEADERS"}},
		{[]string{"OTEL_EXPORTER_OTLP_HEADERS", "grpc-x=hush", "OTEL_EXPORTER_OTLP_PROTOCOL", "grpc"}, []string{`OTEL_EXPORTER_OTLP_HEADERS: "grpc-x"`, "gRPC metadata"}},
		{[]string{"OTEL_EXPORTER_OTLP_HEADERS", "a!b=hush", "OTEL_EXPORTER_OTLP_PROTOCOL", "grpc"}, []string{`"a!b"`, "gRPC metadata"}},

		{[]string{"OTEL_EXPORTER_OTLP_TIMEOUT", "10s"}, []string{`OTEL_EXPORTER_OTLP_TIMEOUT: "10s"`, "milliseconds"}},
		{[]string{"OTEL_EXPORTER_OTLP_TRACES_TIMEOUT", "-1"}, []string{`OTEL_EXPORTER_OTLP_TRACES_TIMEOUT: "-1"`}},
		{[]string{"OTEL_EXPORTER_OTLP_METRICS_TIMEOUT", "0.5"}, []string{`OTEL_EXPORTER_OTLP_METRICS_TIMEOUT: "0.5"`, "0 for no limit"}},
		{[]string{"OTEL_EXPORTER_OTLP_COMPRESSION", "zstd"}, []string{`OTEL_EXPORTER_OTLP_COMPRESSION: "zstd"`, "gzip, none"}},
		{[]string{"OTEL_EXPORTER_OTLP_LOGS_COMPRESSION", "deflate"}, []string{"OTEL_EXPORTER_OTLP_LOGS_COMPRESSION"}},
		{[]string{"OTEL_EXPORTER_OTLP_INSECURE", "1"}, []string{`OTEL_EXPORTER_OTLP_INSECURE: "1"`, "true or false"}},
		{[]string{"OTEL_EXPORTER_OTLP_TRACES_INSECURE", "no"}, []string{"OTEL_EXPORTER_OTLP_TRACES_INSECURE"}},

		{[]string{"OTEL_EXPORTER_OTLP_CERTIFICATE", missing}, []string{"OTEL_EXPORTER_OTLP_CERTIFICATE", missing, "readable PEM"}},
		{[]string{"OTEL_EXPORTER_OTLP_CERTIFICATE", garbage}, []string{"OTEL_EXPORTER_OTLP_CERTIFICATE", garbage, "at least one certificate"}},
		{[]string{"OTEL_EXPORTER_OTLP_TRACES_CERTIFICATE", garbage}, []string{"OTEL_EXPORTER_OTLP_TRACES_CERTIFICATE"}},
		{[]string{"OTEL_EXPORTER_OTLP_CLIENT_KEY", garbage}, []string{"OTEL_EXPORTER_OTLP_CLIENT_KEY", "CLIENT_CERTIFICATE beside it"}},
		{[]string{"OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE", garbage}, []string{"OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE", "CLIENT_KEY beside it"}},
		{[]string{"OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE", garbage, "OTEL_EXPORTER_OTLP_CLIENT_KEY", missing}, []string{"OTEL_EXPORTER_OTLP_CLIENT_KEY", missing, "readable PEM"}},
		{[]string{"OTEL_EXPORTER_OTLP_METRICS_CLIENT_CERTIFICATE", garbage, "OTEL_EXPORTER_OTLP_METRICS_CLIENT_KEY", garbage}, []string{"OTEL_EXPORTER_OTLP_METRICS_CLIENT_CERTIFICATE"}},

		{[]string{"OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE", "total"}, []string{`_TEMPORALITY_PREFERENCE: "total"`, "cumulative, delta, lowmemory"}},
		{[]string{"OTEL_EXPORTER_OTLP_METRICS_DEFAULT_HISTOGRAM_AGGREGATION", "x"}, []string{`_HISTOGRAM_AGGREGATION: "x"`, "base2_exponential_bucket_histogram"}},
		{[]string{"OTEL_METRIC_EXPORT_INTERVAL", "1m"}, []string{`OTEL_METRIC_EXPORT_INTERVAL: "1m"`}},
		{[]string{"OTEL_METRIC_EXPORT_TIMEOUT", "x"}, []string{`OTEL_METRIC_EXPORT_TIMEOUT: "x"`}},
		{[]string{"OTEL_BSP_SCHEDULE_DELAY", "x"}, []string{"OTEL_BSP_SCHEDULE_DELAY"}},
		{[]string{"OTEL_BSP_EXPORT_TIMEOUT", "x"}, []string{"OTEL_BSP_EXPORT_TIMEOUT"}},
		{[]string{"OTEL_BSP_MAX_QUEUE_SIZE", "0"}, []string{"OTEL_BSP_MAX_QUEUE_SIZE"}},
		{[]string{"OTEL_BSP_MAX_EXPORT_BATCH_SIZE", "-3"}, []string{"OTEL_BSP_MAX_EXPORT_BATCH_SIZE"}},
		{[]string{"OTEL_BSP_MAX_EXPORT_BATCH_SIZE", "100", "OTEL_BSP_MAX_QUEUE_SIZE", "50"}, []string{`OTEL_BSP_MAX_EXPORT_BATCH_SIZE: "100"`, "which is 50"}},
		{[]string{"OTEL_BLRP_SCHEDULE_DELAY", "x"}, []string{"OTEL_BLRP_SCHEDULE_DELAY"}},
		{[]string{"OTEL_BLRP_EXPORT_TIMEOUT", "x"}, []string{"OTEL_BLRP_EXPORT_TIMEOUT"}},
		{[]string{"OTEL_BLRP_MAX_QUEUE_SIZE", "x"}, []string{"OTEL_BLRP_MAX_QUEUE_SIZE"}},
		{[]string{"OTEL_BLRP_MAX_EXPORT_BATCH_SIZE", "x"}, []string{"OTEL_BLRP_MAX_EXPORT_BATCH_SIZE"}},
	} {
		t.Run(strings.Join(tt.env, " "), func(t *testing.T) {
			noLeak(t)
			// Each is wrong whether or not something is pushed.
			for _, more := range [][]string{nil, {"OTEL_TRACES_EXPORTER", "otlp"}, {"OTEL_EXPORTER_OTLP_LOGS_ENDPOINT", on}} {
				if more != nil && (strings.HasSuffix(tt.env[0], more[0][5:]) || tt.env[0] == more[0]) {
					continue
				}
				err := startError(t, env(append(more, tt.env...)...), push())
				wantParts(t, err, tt.want...)
				if strings.Contains(err.Error(), "hush") {
					t.Errorf("the error shows a secret: %v", err)
				}
				if n := strings.Count(err.Error(), tt.want[0]); n != 1 {
					t.Errorf("the same is said %d times: %v", n, err)
				}
				if strings.Contains(tt.env[0], "_CERTIFICATE") || strings.Contains(tt.env[0], "_CLIENT_KEY") {
					_, err := otelmail.Start(t.Context(), env(append(more, tt.env...)...), push(), otelmail.WithoutGlobals())
					wantParts(t, err, tt.want...)
					continue
				}
				_, b := start(t, env(append(more, tt.env...)...), push())
				all := strings.Join(b.all(), "\n")
				wantParts(t, errors.New(all), append(tt.want, "; used instead: ")...)
				if strings.Contains(all, "hush") {
					t.Errorf("the warning shows a secret: %s", all)
				}
				if n := strings.Count(all, "used instead: "); n != 1 {
					t.Errorf("%d warnings: %s", n, all)
				}
			}
		})
	}
}

func TestAllWrongVariablesAreNamed(t *testing.T) {
	wantParts(t, startError(t, env("OTEL_EXPORTER_OTLP_TIMEOUT", "x", "OTEL_EXPORTER_OTLP_HEADERS", "y", "OTEL_BSP_MAX_QUEUE_SIZE", "z"),
		push(otlp.Timeout(-1))),
		"OTEL_EXPORTER_OTLP_TIMEOUT", "OTEL_EXPORTER_OTLP_HEADERS", "OTEL_BSP_MAX_QUEUE_SIZE", "otlp.Timeout")
}

func TestWrongOptions(t *testing.T) {
	for _, tt := range []struct {
		opt  otlp.Option
		want []string
	}{
		{nil, []string{"otlp.Push: option 1 is nil"}},
		{otlp.Traces(nil), []string{"otlp.Traces: option 1 is nil"}},
		{otlp.Endpoint(""), []string{"otlp.Endpoint"}},
		{otlp.Endpoint("gopher://user:hush@host"), []string{`otlp.Endpoint: "gopher://…@host"`}},
		{otlp.Logs(otlp.Endpoint("host")), []string{`otlp.Endpoint: "host"`}},
		{otlp.Protocol(0), []string{"otlp.Protocol", "otlp.HTTP or otlp.GRPC"}},
		{otlp.Headers(map[string]string{"a:b": "hush"}), []string{`otlp.Headers: "a:b"`}},
		{otlp.Headers(map[string]string{"a": "hush\n"}), []string{`otlp.Headers: the value of header "a"`}},
		{otlp.TLS(nil), []string{"otlp.TLS"}},
		{otlp.Compression(9), []string{"otlp.Compression", "Encoding(9)"}},
		{otlp.Timeout(0), []string{"otlp.Timeout"}},
		{otlp.Interval(-time.Second), []string{`otlp.Interval: "-1s"`}},
		{otlp.Interval(30), []string{`otlp.Interval: "30ns"`, "1ms to 24h"}}, // a unit forgotten
		{otlp.Temporality(7), []string{"otlp.Temporality", "Preference(7)"}},
		{otlp.Metrics(otlp.Timeout(-1)), []string{"otlp.Timeout"}},
	} {
		t.Run(tt.want[0], func(t *testing.T) {
			noLeak(t)
			err := startError(t, env(), push(tt.opt))
			wantParts(t, err, tt.want...)
			if strings.Contains(err.Error(), "hush") {
				t.Errorf("the error shows a secret: %v", err)
			}
		})
	}
}

// Who asks for TLS must not find out later that it was not used.
func TestTLSWithoutTLS(t *testing.T) {
	t.Parallel()
	withTLS := otlp.TLS(&tls.Config{})
	const base, own = "OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT"
	for name, tt := range map[string]struct {
		env  []string
		opts []otlp.Option
		err  string // of an option
		warn string // of a variable
	}{
		"both for all":               {opts: []otlp.Option{withTLS, otlp.Endpoint("http://127.0.0.1:1/?")}, err: "query"},
		"option":                     {opts: []otlp.Option{withTLS, otlp.Endpoint("http://me:hush@127.0.0.1:1")}, err: `otlp.Endpoint: "http://…@127.0.0.1:1" is not allowed: want https://host:port beside otlp.TLS`},
		"gRPC":                       {opts: []otlp.Option{withTLS, otlp.Protocol(otlp.GRPC), otlp.Endpoint("http://127.0.0.1:1")}, err: `otlp.Endpoint: "http://127.0.0.1:1"`},
		"both for one":               {opts: []otlp.Option{otlp.Logs(otlp.TLS(&tls.Config{}), otlp.Endpoint("http://127.0.0.1:1"))}, err: "otlp.Endpoint"},
		"variable":                   {env: []string{base, "http://127.0.0.1:1"}, opts: []otlp.Option{withTLS}, warn: base + `: "http://127.0.0.1:1" is not allowed: want https://host:port beside otlp.TLS`},
		"variable of one":            {env: []string{own, "http://127.0.0.1:1"}, opts: []otlp.Option{withTLS}, warn: own},
		"TLS for another signal":     {env: []string{own, "http://127.0.0.1:1"}, opts: []otlp.Option{otlp.Logs(otlp.TLS(&tls.Config{}))}},
		"another endpoint for one":   {opts: []otlp.Option{withTLS, otlp.Endpoint("https://127.0.0.1:1"), otlp.Logs(otlp.Endpoint("http://127.0.0.1:1"))}},
		"one that is not pushed":     {opts: []otlp.Option{otlp.Endpoint("http://127.0.0.1:1"), otlp.Logs(otlp.TLS(&tls.Config{}), otlp.Off())}},
		"nothing is pushed anywhere": {opts: []otlp.Option{withTLS}},
	} {
		t.Run(name, func(t *testing.T) {
			if tt.warn == "" {
				if err := startError(t, env(tt.env...), push(tt.opts...)); tt.err == "" && err != nil {
					t.Error(err)
				} else if tt.err != "" {
					wantParts(t, err, tt.err)
				}
				return
			}
			wantParts(t, startError(t, env(tt.env...), push(tt.opts...)), tt.warn)
			tel, b := start(t, env(tt.env...), push(tt.opts...))
			if all := b.all(); len(all) != 1 {
				t.Errorf("%d warnings: %q", len(all), all)
			} else {
				wantParts(t, errors.New(all[0]), tt.warn, "used instead: nothing, and what it is for is not pushed")
			}
			emitSpans(tel, "a", 1)
			if err := shutdown(tel, patience); err != nil {
				t.Errorf("pushed all the same: %v", err)
			}
		})
	}
}

// host:port leaves it to other settings whether there is TLS, and otlp.TLS is one that wins.
func TestTLSByOptionWinsOverInsecure(t *testing.T) {
	noLeak(t)
	ca := newIdentity(t, "ca")
	r := newReceiver(t, &tls.Config{Certificates: []tls.Certificate{newIdentity(t, "server", ca).pair}})
	tel, b := start(t, env("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", r.grpcAddr, "OTEL_EXPORTER_OTLP_INSECURE", "true"),
		push(otlp.Protocol(otlp.GRPC), otlp.TLS(&tls.Config{RootCAs: ca.pool()})))
	emitSpans(tel, "a", 1)
	if err := shutdown(tel, patience); err != nil {
		t.Errorf("Shutdown: %v", err)
	}
	if n, _, _ := r.counts(); n != 1 || len(b.all()) > 0 {
		t.Errorf("%d spans arrived, want 1; warnings %q", n, b.all())
	}
}

// The stock exporters read the process's environment too; nothing in it may win over the
// settings that otelmail was given.
func TestProcessEnvironmentHasNoSay(t *testing.T) {
	for name, value := range map[string]string{
		"OTEL_EXPORTER_OTLP_ENDPOINT":                       "https://127.0.0.1:1/elsewhere",
		"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT":                "https://127.0.0.1:1/elsewhere",
		"OTEL_EXPORTER_OTLP_PROTOCOL":                       "http/json",
		"OTEL_EXPORTER_OTLP_HEADERS":                        "x-from=process",
		"OTEL_EXPORTER_OTLP_COMPRESSION":                    "gzip",
		"OTEL_EXPORTER_OTLP_TIMEOUT":                        "1",
		"OTEL_EXPORTER_OTLP_INSECURE":                       "false",
		"OTEL_EXPORTER_OTLP_CERTIFICATE":                    newIdentity(t, "ca").certFile,
		"OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE": "delta",
		"OTEL_BSP_SCHEDULE_DELAY":                           "86400000",
		"OTEL_BSP_MAX_QUEUE_SIZE":                           "1",
		"OTEL_BLRP_MAX_QUEUE_SIZE":                          "1",
	} {
		t.Setenv(name, value)
	}
	for _, protocol := range []string{"HTTP", "gRPC"} {
		t.Run(protocol, func(t *testing.T) {
			noLeak(t)
			r := newReceiver(t, nil)
			tel, _ := start(t, env("OTEL_BSP_SCHEDULE_DELAY", "10", "OTEL_BLRP_SCHEDULE_DELAY", "10", "OTEL_METRIC_EXPORT_INTERVAL", "10"),
				push(protocols(r)[protocol]...))
			emitSpans(tel, "a", 5)
			emitLogs(tel, "b", 5)
			count(t, tel, "c", 5)
			eventually(t, "all arrived", func() bool {
				spans, records, pushes := r.counts()
				return spans == 5 && records == 5 && pushes > 2
			})
			if err := shutdown(tel, patience); err != nil {
				t.Errorf("Shutdown: %v", err)
			}
			h := r.allHeaders()
			if h["x-from"] != "" || h["content-encoding"] != "" || strings.Contains(h["content-type"], "json") {
				t.Errorf("headers: %q", h)
			}
			if sum, _ := r.sum("c", false); sum != 5 {
				t.Errorf("the last push says %v, want 5", sum)
			}
		})
	}
}

func TestTLS(t *testing.T) {
	t.Parallel()
	ca := newIdentity(t, "ca")
	server := newIdentity(t, "server", ca)
	client := newIdentity(t, "client", ca)
	config := &tls.Config{
		Certificates: []tls.Certificate{server.pair}, ClientCAs: ca.pool(), ClientAuth: tls.RequireAndVerifyClientCert,
	}
	all := []string{
		"OTEL_EXPORTER_OTLP_CERTIFICATE", ca.certFile,
		"OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE", client.certFile,
		"OTEL_EXPORTER_OTLP_CLIENT_KEY", client.keyFile,
	}
	for _, tt := range []struct {
		name string
		env  []string
		opts []otlp.Option
		want string // "" for success
	}{
		{name: "by environment", env: all},
		{name: "by option", opts: []otlp.Option{otlp.TLS(&tls.Config{RootCAs: ca.pool(), Certificates: []tls.Certificate{client.pair}})}},
		{name: "the signal's own certificate wins", env: []string{
			"OTEL_EXPORTER_OTLP_CERTIFICATE", newIdentity(t, "other").certFile,
			"OTEL_EXPORTER_OTLP_TRACES_CERTIFICATE", ca.certFile,
			"OTEL_EXPORTER_OTLP_TRACES_CLIENT_CERTIFICATE", client.certFile,
			"OTEL_EXPORTER_OTLP_TRACES_CLIENT_KEY", client.keyFile,
		}},
		{name: "unknown authority", env: nil, want: "certificate"},
		// The server's alert may be lost because it then closes the connection.
		{name: "no client certificate", env: all[:2], want: "https://127.0.0.1:"},
	} {
		for _, protocol := range []string{"HTTP", "gRPC"} {
			t.Run(tt.name+" over "+protocol, func(t *testing.T) {
				t.Parallel()
				r := newReceiver(t, config)
				tel, _ := start(t, env(tt.env...), push(append(append(only("traces"), protocols(r)[protocol]...), tt.opts...)...))
				emitSpans(tel, "a", 3)
				err := shutdown(tel, 8*time.Second)
				if tt.want != "" {
					wantParts(t, err, "3 of 3 spans not delivered to https://", tt.want)
					return
				}
				if err != nil {
					t.Errorf("Shutdown: %v", err)
				}
				if n, _, _ := r.counts(); n != 3 {
					t.Errorf("%d spans arrived, want 3", n)
				}
			})
		}
	}
}

func TestBareAddressUsesTLS(t *testing.T) {
	noLeak(t)
	ca := newIdentity(t, "ca")
	r := newReceiver(t, &tls.Config{Certificates: []tls.Certificate{newIdentity(t, "server", ca).pair}})
	tel, _ := start(t, env(
		"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", r.grpcAddr, "OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "grpc",
		"OTEL_EXPORTER_OTLP_CERTIFICATE", ca.certFile,
	), push())
	emitSpans(tel, "a", 1)
	if err := shutdown(tel, patience); err != nil {
		t.Errorf("Shutdown: %v", err)
	}
	if n, _, _ := r.counts(); n != 1 {
		t.Errorf("%d spans arrived, want 1", n)
	}
}

func TestConsole(t *testing.T) {
	noLeak(t)
	file, err := os.Create(filepath.Join(t.TempDir(), "stdout"))
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	stdout := os.Stdout
	os.Stdout = file
	tel, _ := start(t, env("OTEL_TRACES_EXPORTER", "console", "OTEL_METRICS_EXPORTER", "console,prometheus", "OTEL_LOGS_EXPORTER", "console"), push())
	os.Stdout = stdout
	emitSpans(tel, "a span", 1)
	emitLogs(tel, "a record", 1)
	count(t, tel, "a_counter", 1)
	if err := shutdown(tel, patience); err != nil {
		t.Errorf("Shutdown: %v", err)
	}
	out, err := os.ReadFile(file.Name())
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"a span", "a record", "a_counter"} {
		if !strings.Contains(string(out), want) {
			t.Errorf("%q is not on standard output: %.500s", want, out)
		}
	}
}
