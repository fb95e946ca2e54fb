package otlp_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/rusmes/otelmail"
	"github.com/rusmes/otelmail/check"
	"github.com/rusmes/otelmail/export"
	"github.com/rusmes/otelmail/exporters/otlp"
)

const howToEnable = "want http/protobuf in this program; for grpc its author adds otlp.Enable(otlpgrpc.Transport()) to otlp.Push, " +
	"of the package github.com/rusmes/otelmail/exporters/otlp/otlpgrpc"

// Where the program has no gRPC, a setting that asks for it is told so, and what it is for is
// not pushed in another way to a port that is not meant for that.
func TestNoGRPC(t *testing.T) {
	for name, tc := range map[string]struct {
		env  []string
		want string // "" says that nothing is
		lost string // signals that are not pushed
	}{
		"all":        {[]string{"OTEL_EXPORTER_OTLP_PROTOCOL", "grpc"}, `OTEL_EXPORTER_OTLP_PROTOCOL: "grpc" is not allowed: `, "traces metrics logs"},
		"one":        {[]string{"OTEL_EXPORTER_OTLP_LOGS_PROTOCOL", "grpc"}, `OTEL_EXPORTER_OTLP_LOGS_PROTOCOL: "grpc" is not allowed: `, "logs"},
		"older":      {[]string{"RUSMES_TRACING_PROTOCOL", "grpc"}, `RUSMES_TRACING_PROTOCOL: "grpc" is not allowed: `, "traces"},
		"not pushed": {[]string{"OTEL_EXPORTER_OTLP_LOGS_PROTOCOL", "grpc", "OTEL_LOGS_EXPORTER", "none"}, "", "logs"},
		"HTTP":       {[]string{"OTEL_EXPORTER_OTLP_PROTOCOL", "http/protobuf"}, "", ""},
	} {
		t.Run(name, func(t *testing.T) {
			noLeak(t)
			r := newReceiver(t, nil)
			variables := env(append(tc.env, "OTEL_EXPORTER_OTLP_ENDPOINT", r.httpURL())...)
			tel, b := start(t, variables, otlp.Push())
			emitSpans(tel, "a", 1)
			emitLogs(tel, "b", 1)
			if err := shutdown(tel, patience); err != nil {
				t.Errorf("Shutdown: %v", err)
			}
			spans, records, pushes := r.counts()
			for signal, arrived := range map[string]int{"traces": spans, "metrics": pushes, "logs": records} {
				if lost := strings.Contains(tc.lost, signal); lost != (arrived == 0) {
					t.Errorf("%d of %s arrived", arrived, signal)
				}
			}
			said := b.all()
			if tc.want == "" && len(said) != 0 || tc.want != "" && (len(said) != 1 || !strings.Contains(said[0], tc.want+howToEnable)) {
				t.Errorf("said: %q", said)
			}
			report := check.Run(t.Context(), variables, otlp.Push())
			wrong := slices.ContainsFunc(report.Findings, func(f export.Finding) bool { return strings.HasPrefix(f.Text, tc.want+howToEnable) })
			if wrong != (tc.want != "") {
				t.Errorf("the check: %v", report.Findings)
			}
			strict, err := otelmail.Start(t.Context(), otelmail.WithoutGlobals(), otelmail.WithStrictSettings(), variables, otlp.Push())
			_ = shutdown(strict, 10*time.Second)
			if tc.want != "" && (err == nil || !strings.Contains(err.Error(), tc.want+howToEnable)) {
				t.Errorf("strict: %v", err)
			}
		})
	}
	tel, err := otelmail.Start(t.Context(), otelmail.WithoutGlobals(), env(), otlp.Push(otlp.Endpoint("http://127.0.0.1:1"), otlp.Protocol(otlp.GRPC)))
	_ = shutdown(tel, 10*time.Second)
	if err == nil || !strings.Contains(err.Error(), `otlp.Protocol: "grpc" is not allowed: `+howToEnable) {
		t.Errorf("the option: %v", err)
	}
}

// A port of gRPC is recognised without gRPC.
func TestNoGRPCAtItsPort(t *testing.T) {
	plain := newReceiver(t, nil)
	report := check.Run(t.Context(), env("OTEL_EXPORTER_OTLP_ENDPOINT", plain.grpcURL()), otlp.Push())
	const want = "the port speaks gRPC: name the port for HTTP; for grpc its author adds otlp.Enable(otlpgrpc.Transport())"
	if !slices.ContainsFunc(report.Findings, func(f export.Finding) bool { return strings.Contains(f.Text, want) }) {
		t.Errorf("%v", report.Findings)
	}
}
