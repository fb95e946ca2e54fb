package integration

import (
	"net"
	"net/http"
	"slices"
	"strings"
	"testing"
)

func TestAnAddressInUse(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	address := taken.Addr().String()
	for _, flag := range []string{"--http", "--smtp"} {
		t.Run(flag, func(t *testing.T) {
			d := run(t, launch{flags: []string{flag, address}})
			d.wantRefusal(flag, address, "address already in use")
		})
	}
}

// A wrong setting is told with its name, its value and what is allowed. It ends the demo
// in strict mode and where it guards something; else the demo serves all the same.
func TestAWrongSetting(t *testing.T) {
	const endpoint = "OTEL_EXPORTER_OTLP_ENDPOINT=http://127.0.0.1:1"
	guards := []string{"OTEL_EXPORTER_OTLP_CERTIFICATE", "RUSMES_METRICS_PATH"}
	for variable, allowed := range map[string][]string{
		"OTEL_SDK_DISABLED=maybe":                                     {"true", "false"},
		"OTEL_RESOURCE_ATTRIBUTES=nonsense":                           {"key=value"},
		"OTEL_PROPAGATORS=carrier-pigeon":                             {"tracecontext", "baggage", "none"},
		"OTEL_TRACES_SAMPLER=sometimes":                               {"always_on", "traceidratio", "parentbased_always_off"},
		"OTEL_TRACES_SAMPLER_ARG=1.5":                                 {"0.0", "1.0"},
		"OTEL_METRICS_EXEMPLAR_FILTER=all":                            {"always_on", "always_off", "trace_based"},
		"OTEL_EXPORTER_OTLP_ENDPOINT=ftp://collector.example":         {"http"},
		"OTEL_EXPORTER_OTLP_PROTOCOL=http/json":                       {"grpc", "http/protobuf"},
		"OTEL_EXPORTER_OTLP_COMPRESSION=zip":                          {"gzip", "none"},
		"OTEL_EXPORTER_OTLP_TIMEOUT=10s":                              {"milliseconds"},
		"OTEL_EXPORTER_OTLP_CERTIFICATE=/nonesuch.pem":                {"no such file"},
		"OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE=sometimes": {"cumulative", "delta", "lowmemory"},
		"OTEL_TRACES_EXPORTER=zipkin":                                 {"otlp", "console", "none"},
		"OTEL_METRIC_EXPORT_INTERVAL=1m":                              {"milliseconds"},
		"OTEL_BSP_MAX_QUEUE_SIZE=0":                                   {"1"},
		"RUSMES_METRICS_ENABLED=perhaps":                              {"true", "false"},
		"RUSMES_METRICS_PATH=metrics":                                 {"/"},
		"RUSMES_LOG_LEVEL=loud":                                       {"debug", "info", "warn", "error"},
	} {
		t.Run(variable, func(t *testing.T) {
			t.Parallel()
			name, value, _ := strings.Cut(variable, "=")
			env := []string{variable}
			if name != "OTEL_EXPORTER_OTLP_ENDPOINT" {
				env = append(env, endpoint)
			}
			says := append([]string{name, value}, allowed...)
			run(t, launch{env: append(env, "RUSMES_STRICT_SETTINGS=true")}).wantRefusal(says...)
			if slices.Contains(guards, name) {
				run(t, launch{env: env}).wantRefusal(says...)
				return
			}
			d := startDemo(t, launch{env: env})
			if status, page := d.get("/metrics"); status != http.StatusOK || !strings.Contains(page, "\nrusmes_queue_size 0\n") {
				t.Errorf("/metrics: %d %.300s", status, page)
			}
			for _, part := range append(says, "used instead: ") {
				if !strings.Contains(d.stderr.String(), part) {
					t.Errorf("does not say %q: %s", part, d.stderr.String())
				}
			}
		})
	}
}

// Everything that is wrong is reported at once in strict mode, whichever part reads it.
func TestSeveralWrongSettings(t *testing.T) {
	for who, env := range map[string][]string{
		"the process": {"OTEL_TRACES_SAMPLER=sometimes", "OTEL_PROPAGATORS=carrier-pigeon", "OTEL_SDK_DISABLED=maybe"},
		"both":        {"OTEL_TRACES_SAMPLER=sometimes", "OTEL_EXPORTER_OTLP_PROTOCOL=http/json", "RUSMES_METRICS_PATH=metrics"},
		"the push": {"OTEL_EXPORTER_OTLP_ENDPOINT=ftp://collector.example", "OTEL_EXPORTER_OTLP_PROTOCOL=http/json",
			"OTEL_BLRP_SCHEDULE_DELAY=soon"},
	} {
		t.Run(who, func(t *testing.T) {
			var all []string
			for _, variable := range env {
				name, value, _ := strings.Cut(variable, "=")
				all = append(all, name, value)
			}
			d := run(t, launch{env: append(env, "RUSMES_STRICT_SETTINGS=true")})
			d.wantRefusal(all...)
		})
	}
}

// wantRefusal wants the demo to end with status 1, a message that contains all the parts,
// and nothing on standard output.
func (d *demo) wantRefusal(parts ...string) {
	d.t.Helper()
	if status := d.wait(); status != 1 {
		d.t.Errorf("ended with status %d, want 1", status)
	}
	message := d.stderr.String()
	for _, part := range parts {
		if !strings.Contains(message, part) {
			d.t.Errorf("does not say %q: %s", part, message)
		}
	}
	if out := d.stdout.String(); out != "" {
		d.t.Errorf("says on standard output: %s", out)
	}
}
